/** API clients: the credentials of a tenant's integrations. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiClient } from '../../domain/api-client.ts';
import type { ClientPermission } from '../../domain/caller.ts';
import {
  certifyClient,
  changeClient,
  createClient,
  revokeClient,
  rotateClient,
} from '../../engine/manage-clients.ts';
import type { ClientChange, ClientResult, IssuedClient } from '../../engine/manage-clients.ts';
import { auditAuthor } from '../audit-author.ts';
import { checkClientCertificate } from '../client-certificate.ts';
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { expiryOf } from '../expiry.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import {
  ApiClientBodySchema,
  apiClientJson,
  ApiClientPatchSchema,
  CertificateBodySchema,
  IssuedApiClientSchema,
  overlapMsOf,
  RotateClientBodySchema,
  scopeOf,
} from '../schemas/api-client.ts';
import type {
  ApiClientBody,
  ApiClientPatch,
  CertificateBody,
  RotateClientBody,
} from '../schemas/api-client.ts';
import { errorResponses } from '../schemas/error.ts';
import { Listed, PAGE_PARAMETERS, queryParameters } from '../schemas/fields.ts';
import { nullable, object, ref, string } from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';
import { tenantScope } from '../tenant-scope.ts';

interface ClientParams {
  readonly urn: string;
}

const ClientParamsSchema = object({ urn: string() });
const LIST_PARAMETERS = { tenant_id: 'Only of these tenants.', ...PAGE_PARAMETERS };
const PAGING = { defaultLimit: 100, maxLimit: 1000, positionLength: 1 };

export function apiClientRoutes(server: FastifyInstance, { engine, access }: ServerParts): void {
  const { storage, clock } = access;
  const keeper = { engine, access };

  server.get(
    '/apiclients',
    {
      config: { operation: 'clients.list' },
      schema: {
        tags: ['apiclients'],
        summary: 'List API clients',
        description: 'Expired and revoked ones too.',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('ApiClient'), ...errorResponses(404, 422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const tenantIds = tenantScope(request).narrow(query.list('tenant_id'));
      const page = pageRequest(query, PAGING);
      query.done();
      const found = await storage.clientList({ tenantIds, page });
      return {
        models: found.rows.map(apiClientJson),
        pagination: pagination(page, found, 'created_at'),
      };
    },
  );

  server.post<{ Body: ApiClientBody }>(
    '/apiclients',
    {
      config: { operation: 'clients.create' },
      schema: {
        tags: ['apiclients'],
        summary: 'Create an API client',
        description: 'Its token is in this answer, and is not shown again.',
        body: ApiClientBodySchema,
        response: { 201: IssuedApiClientSchema, ...errorResponses(400, 404, 409, 413, 415) },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const tenantId = tenantScope(request).narrowOne(body.tenant_id ?? null);
      if (tenantId === null)
        throw validationFailed([
          { pointer: '/tenant_id', code: 'required', message: 'Say whose client it is.' },
        ]);
      const given = {
        tenantId,
        name: body.name,
        clientId: body.client_id ?? null,
        scope: scopeOf(body.scope),
        permissions: permissionsOf(body.full_access, body.permissions),
        expiresAtMs: expiryOf(body.expires_at ?? null, clock.nowMs(), '/expires_at'),
      };
      void reply.status(201);
      return issued(await createClient(keeper, given, auditAuthor(request, clock)));
    },
  );

  server.get<{ Params: ClientParams }>(
    '/apiclients/:urn',
    {
      config: { operation: 'clients.get' },
      schema: {
        tags: ['apiclients'],
        summary: 'Get an API client',
        params: ClientParamsSchema,
        response: { 200: ref('ApiClient'), ...errorResponses(404) },
      },
    },
    async (request) => apiClientJson(await own(request)),
  );

  server.patch<{ Params: ClientParams; Body: ApiClientPatch }>(
    '/apiclients/:urn',
    {
      config: { operation: 'clients.change' },
      schema: {
        tags: ['apiclients'],
        summary: 'Change an API client',
        params: ClientParamsSchema,
        body: ApiClientPatchSchema,
        response: { 200: ref('ApiClient'), ...errorResponses(400, 404, 409, 413, 415) },
      },
    },
    async (request) => {
      const { urn, permissions: before } = await own(request);
      const { name, client_id: clientId, expires_at: expiresAt } = request.body;
      const { full_access: fullAccess = before === 'all', permissions } = request.body;
      const known = before === 'all' ? undefined : before;
      const change: ClientChange = {
        ...(name === undefined ? {} : { name }),
        ...(clientId === undefined ? {} : { clientId }),
        ...(expiresAt === undefined
          ? {}
          : { expiresAtMs: expiryOf(expiresAt, clock.nowMs(), '/expires_at') }),
        permissions: permissionsOf(fullAccess, permissions ?? (fullAccess ? undefined : known)),
      };
      return shown(await changeClient(keeper, urn, change, auditAuthor(request, clock)));
    },
  );

  server.post<{ Params: ClientParams; Body: RotateClientBody | null | undefined }>(
    '/apiclients/:urn/rotate',
    {
      config: { operation: 'clients.rotate' },
      schema: {
        tags: ['apiclients'],
        summary: 'Give an API client a new token',
        description:
          'The one before opens this API for a while; what is sent to receivers carries the new one at once.',
        params: ClientParamsSchema,
        body: nullable(RotateClientBodySchema),
        response: { 200: IssuedApiClientSchema, ...errorResponses(400, 404, 409, 413, 415) },
      },
    },
    async (request) => {
      const { urn } = await own(request);
      const overlapMs = overlapMsOf(request.body ?? {});
      return issued(await rotateClient(keeper, urn, overlapMs, auditAuthor(request, clock)));
    },
  );

  server.put<{ Params: ClientParams; Body: CertificateBody }>(
    '/apiclients/:urn/client-certificate',
    {
      config: { operation: 'clients.certify' },
      schema: {
        tags: ['apiclients'],
        summary: 'Give an API client its client certificate',
        description:
          'With it subscriptions authenticate by mutual TLS. It replaces the one before.',
        params: ClientParamsSchema,
        body: CertificateBodySchema,
        response: { 200: ref('ApiClient'), ...errorResponses(400, 404, 409, 413, 415) },
      },
    },
    async (request) => {
      const { urn } = await own(request);
      const problems: FieldError[] = [];
      const checked = checkClientCertificate(request.body, clock.nowMs(), problems);
      if (checked === undefined) throw validationFailed(problems);
      return shown(await certifyClient(keeper, urn, checked, auditAuthor(request, clock)));
    },
  );

  server.delete<{ Params: ClientParams }>(
    '/apiclients/:urn',
    {
      config: { operation: 'clients.revoke' },
      schema: {
        tags: ['apiclients'],
        summary: 'Revoke an API client',
        description:
          'At once: its tokens open nothing any more, and its subscriptions are stopped.',
        params: ClientParamsSchema,
        response: { 200: ref('ApiClient'), ...errorResponses(404, 409) },
      },
    },
    async (request) => {
      const { urn } = await own(request);
      return shown(await revokeClient(keeper, urn, auditAuthor(request, clock)));
    },
  );

  async function own(request: FastifyRequest<{ Params: ClientParams }>): Promise<ApiClient> {
    const scope = tenantScope(request);
    const client = await storage.clientGet({ urn: request.params.urn });
    if (client === null || !scope.has(client.tenantId)) throw new ApiError('api_client_not_found');
    return client;
  }
}

function permissionsOf(
  fullAccess: boolean,
  permissions: readonly ClientPermission[] | undefined,
): ApiClient['permissions'] {
  if (!fullAccess) return permissions ?? [];
  if (permissions === undefined || permissions.length === 0) return 'all';
  const message = 'A client with full access has no permissions: leave them out.';
  throw validationFailed([{ pointer: '/permissions', code: 'conflict', message }]);
}

function shown(result: ClientResult) {
  if (result.kind !== 'done') throw refusal(result.kind);
  return apiClientJson(result.client);
}

function issued(result: IssuedClient) {
  if (result.kind !== 'issued') throw refusal(result.kind);
  return { ...apiClientJson(result.client), token: result.token };
}

function refusal(kind: Exclude<ClientResult['kind'], 'done'>): ApiError {
  switch (kind) {
    case 'unknown_tenant':
      return new ApiError('tenant_not_found');
    case 'unknown':
      return new ApiError('api_client_not_found');
    case 'client_id_taken':
      return new ApiError('client_id_taken');
    case 'too_many':
      return new ApiError('too_many_api_clients');
    case 'revoked':
      return new ApiError('api_client_revoked');
    case 'changed_meanwhile':
      return new ApiError('changed_meanwhile');
  }
}
