/** Keys of the operator. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { changeKey, createKey, revokeKey } from '../../engine/manage-keys.ts';
import type { KeyResult } from '../../engine/manage-keys.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError, validationFailed } from '../errors.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { Listed, PAGE_PARAMETERS, queryParameters } from '../schemas/fields.ts';
import { object, ref, string } from '../schemas/json-schema.ts';
import { CreatedKeySchema, KeyBodySchema, keyJson, KeyPatchSchema } from '../schemas/key.ts';
import type { KeyBody, KeyPatch } from '../schemas/key.ts';
import type { ServerParts } from '../server-parts.ts';
import { parseTime } from '../time.ts';

interface KeyParams {
  readonly key_id: string;
}

const KeyParamsSchema = object({ key_id: string() });
const PAGING = { defaultLimit: 100, maxLimit: 1000, positionLength: 1 };

export function keyRoutes(server: FastifyInstance, { access }: ServerParts): void {
  const { storage, clock } = access;

  server.get(
    '/keys',
    {
      config: { operation: 'keys.list' },
      schema: {
        tags: ['keys'],
        summary: 'List keys',
        description: 'Expired and revoked ones too; not the key of the configuration.',
        querystring: queryParameters(PAGE_PARAMETERS),
        response: { 200: Listed('Key'), ...errorResponses(422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(PAGE_PARAMETERS));
      const page = pageRequest(query, PAGING);
      query.done();
      const found = await storage.keyList({ page });
      return { models: found.rows.map(keyJson), pagination: pagination(page, found, 'created_at') };
    },
  );

  server.post<{ Body: KeyBody }>(
    '/keys',
    {
      config: { operation: 'keys.create' },
      schema: {
        tags: ['keys'],
        summary: 'Create a key',
        description: 'Its token is in this answer, and nowhere else.',
        body: KeyBodySchema,
        response: { 201: CreatedKeySchema, ...errorResponses(400, 413, 415) },
      },
    },
    async (request, reply) => {
      const { name, scope, expires_at: expiresAt } = request.body;
      const given = { name, scope, expiresAtMs: expiryOf(expiresAt ?? null) };
      const { key, token } = await createKey(access, given, authorOf(request));
      return reply.status(201).send({ ...keyJson(key), token });
    },
  );

  server.get<{ Params: KeyParams }>(
    '/keys/:key_id',
    {
      config: { operation: 'keys.get' },
      schema: {
        tags: ['keys'],
        summary: 'Get a key',
        params: KeyParamsSchema,
        response: { 200: ref('Key'), ...errorResponses(404) },
      },
    },
    async (request) => {
      const key = await storage.keyGet({ id: request.params.key_id });
      if (key === null) throw new ApiError('key_not_found');
      return keyJson(key);
    },
  );

  server.patch<{ Params: KeyParams; Body: KeyPatch }>(
    '/keys/:key_id',
    {
      config: { operation: 'keys.change' },
      schema: {
        tags: ['keys'],
        summary: 'Change a key’s name or expiry',
        params: KeyParamsSchema,
        body: KeyPatchSchema,
        response: { 200: ref('Key'), ...errorResponses(400, 404, 409, 413, 415) },
      },
    },
    async (request) => {
      const { name, expires_at: expiresAt } = request.body;
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(expiresAt === undefined ? {} : { expiresAtMs: expiryOf(expiresAt) }),
      };
      return shown(await changeKey(access, request.params.key_id, change, authorOf(request)));
    },
  );

  server.delete<{ Params: KeyParams }>(
    '/keys/:key_id',
    {
      config: { operation: 'keys.revoke' },
      schema: {
        tags: ['keys'],
        summary: 'Revoke a key',
        description: 'At once: when this is answered, it opens nothing any more.',
        params: KeyParamsSchema,
        response: { 200: ref('Key'), ...errorResponses(404, 409) },
      },
    },
    async (request) => shown(await revokeKey(access, request.params.key_id, authorOf(request))),
  );

  function authorOf(request: FastifyRequest) {
    return auditAuthor(request, clock);
  }

  /** A key that never was good is a mistake. */
  function expiryOf(text: string | null): number | null {
    if (text === null) return null;
    const timeMs = parseTime(text);
    if (timeMs !== undefined && timeMs > clock.nowMs()) return timeMs;
    const message =
      timeMs === undefined
        ? 'A time is RFC 3339, such as 2026-11-21T10:00:00Z, or null.'
        : 'This moment has passed: give a later one, or null, or revoke the key.';
    const code = timeMs === undefined ? 'format' : 'past';
    throw validationFailed([{ pointer: '/expires_at', code, message }]);
  }

  function shown(result: KeyResult) {
    switch (result.kind) {
      case 'done':
        return keyJson(result.key);
      case 'unknown':
        throw new ApiError('key_not_found');
      case 'revoked':
        throw new ApiError('key_revoked');
      case 'changed_meanwhile':
        throw new ApiError('changed_meanwhile');
    }
  }
}
