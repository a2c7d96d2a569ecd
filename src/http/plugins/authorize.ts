/**
 * Who may: recognises the credential, and compares with the table (permissions.ts), before a body is read. In this
 * order: no good credential, 401; another's tenant in the path, 404; not in the table, 403; a tenant that is not there
 * (any more), 404.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { grantOf } from '../../domain/caller.ts';
import type { Caller, Grant } from '../../domain/caller.ts';
import { Credentials } from '../credentials.ts';
import type { Recognised } from '../credentials.ts';
import { ApiError, nothingAt } from '../errors.ts';
import { isOpenPath, permissionOf } from '../permissions.ts';
import type { OperationId, Permission } from '../permissions.ts';
import type { ServerParts } from '../server-parts.ts';
import { DEFAULT_MAX_FAILED_SIGN_INS, SignInLimit } from '../sign-in-limit.ts';
import { boundTenant } from '../tenant-scope.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its line in permissions.ts. */
    operation?: OperationId;
  }
  interface FastifyRequest {
    /** `null` where anyone may ask. */
    caller: Caller | null;
    /** Whose tenant it is was looked at (tenant-scope.ts). */
    isScoped: boolean;
  }
}

/** What keeps a request from going on; at once, save where something has to be looked up. */
type Verdict = ApiError | undefined | Promise<ApiError | undefined>;

const API_PATH = /^\/api\/v1(?:[/?]|$)/;

/** Before all routes are added. */
export function authorize(server: FastifyInstance, parts: ServerParts): void {
  const { engine, access, apiKey, tokens, log } = parts;
  const { keys, clients } = access;
  const credentials = new Credentials({ apiKey, keys, clients, tokens });
  const limit = new SignInLimit(
    access.clock,
    parts.maxFailedSignIns ?? DEFAULT_MAX_FAILED_SIGN_INS,
  );
  server.decorateRequest('caller', null);
  server.decorateRequest('isScoped', false);

  server.addHook('onRoute', (route) => {
    const operation = operationOf(route);
    if (operation === null) return;
    const permission = permissionOf(operation);
    route.schema = { ...route.schema, security: securityOf(permission) };
    if (permission.who === 'anyone') return;
    const grants: ReadonlySet<Grant> = new Set(permission.who);
    route.onRequest = [
      (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) =>
        settle(
          whenRecognised(request, reply, (caller) => judge(request, caller, operation, grants)),
          done,
        ),
      ...listOf(route.onRequest),
    ];
    if (permission.sameForAll) return;
    route.onSend = [
      (
        request: FastifyRequest,
        reply: FastifyReply,
        payload: unknown,
        done: (error: Error | null, payload?: unknown) => void,
      ) => done(isForgotten(request, reply) ? new Error(forgottenAt(operation)) : null, payload),
      ...listOf(route.onSend),
    ];
  });

  // Under /api/v1 nobody learns without a credential which paths there are.
  server.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) done();
    else if (!API_PATH.test(request.url)) done(nothingAt(request));
    else
      settle(
        whenRecognised(request, reply, () => nothingAt(request)),
        done,
      );
  });

  function whenRecognised(
    request: FastifyRequest,
    reply: FastifyReply,
    then: (caller: Caller) => Verdict,
  ): Verdict {
    const go = (recognised: Recognised) =>
      typeof recognised === 'string' ? refuse(request, reply, recognised) : then(recognised);
    // A key that another node has revoked opens nothing from then on.
    const current = engine.changes.current();
    return current === null ? recognise(request, go) : current.then(() => recognise(request, go));
  }

  function recognise(request: FastifyRequest, go: (recognised: Recognised) => Verdict): Verdict {
    const recognised = credentials.of(request);
    return recognised instanceof Promise ? recognised.then(go) : go(recognised);
  }

  function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    why: 'absent' | 'invalid',
  ): ApiError {
    if (why === 'absent') return new ApiError('unauthorized');
    const { retryAfterS, isFirstOver } = limit.failed(request.ip);
    if (isFirstOver) log.signInsRefused(request.ip);
    if (retryAfterS === null) return new ApiError('unauthorized');
    void reply.header('retry-after', retryAfterS);
    return new ApiError('too_many_failed_sign_ins');
  }

  function judge(
    request: FastifyRequest,
    caller: Caller,
    operation: OperationId,
    grants: ReadonlySet<Grant>,
  ): Verdict {
    request.caller = caller;
    const grant = grantOf(caller);
    const own = boundTenant(caller);
    if (own !== null) {
      // What the router has taken out of the path.
      const { tenant_id: asked } = request.params as { readonly tenant_id?: string };
      if (asked !== undefined && asked !== own) return new ApiError('tenant_not_found');
      request.isScoped = asked !== undefined;
    }
    if (!grants.has(grant)) return forbidden(grant, grants);
    if (own === null || engine.routing.tenant(own) !== undefined) return undefined;
    const maySetUp = caller.kind === 'tenant' && caller.maySetUp && operation === 'tenants.put';
    return maySetUp ? undefined : mustExist(own);
  }

  async function mustExist(id: string): Promise<ApiError | undefined> {
    const known = await engine.storage.tenantGet({ id });
    return known === null ? new ApiError('tenant_not_found') : undefined;
  }
}

function operationOf(route: RouteOptions): OperationId | null {
  const operation = route.config?.operation;
  if (operation !== undefined) return operation;
  if (isOpenPath(route.url)) return null;
  throw new TypeError(
    `${String(route.method)} ${route.url} does not say which operation it is: write config: { operation } in the route, and a line for it in src/http/permissions.ts`,
  );
}

function securityOf({ who }: Permission): Record<string, readonly string[]>[] {
  if (who === 'anyone') return [];
  const isFor = (kind: string) => who.some((grant) => grant.startsWith(kind));
  return [
    ...(isFor('operator:') ? [{ key: [] }] : []),
    ...(isFor('tenant:') ? [{ tenant_token: [] }] : []),
    ...(isFor('client:') ? [{ api_client: [] }] : []),
  ];
}

function settle(verdict: Verdict, done: (error?: Error) => void): void {
  if (verdict instanceof Promise) void settleLater(verdict, done);
  else done(verdict);
}

async function settleLater(
  verdict: Promise<ApiError | undefined>,
  done: (error?: Error) => void,
): Promise<void> {
  try {
    done(await verdict);
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
  }
}

function forbidden(grant: Grant, grants: ReadonlySet<Grant>): ApiError {
  return new ApiError(
    grant.startsWith('client:') ? 'client_scope' : 'forbidden',
    `This credential is ${grant}, and the call is for ${[...grants].join(', ')}.`,
  );
}

/** An answer to somebody who belongs to a tenant, and nothing has looked at which one. */
function isForgotten({ caller, isScoped }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  return caller !== null && !isScoped && statusCode < 400 && boundTenant(caller) !== null;
}

function forgottenAt(operation: OperationId): string {
  return `${operation} answers without a look at whose tenant it is: it has to ask tenantScope(request)`;
}

function listOf<Hook>(hooks: Hook | Hook[] | undefined): Hook[] {
  if (hooks === undefined) return [];
  return Array.isArray(hooks) ? hooks : [hooks];
}
