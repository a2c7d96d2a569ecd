/**
 * Callers that belong to a tenant see that one: every tenant that a request names has to be theirs, and any other is
 * one that there is not (404, never 403). Where a request names none, theirs is meant.
 *
 * A tenant in the path is looked at before the route (plugins/authorize.ts). All other routes ask here, also for what
 * they find by its id alone. One that forgets answers no such caller: its answer becomes a 500.
 */
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../domain/caller.ts';
import { ApiError } from './errors.ts';

export interface TenantScope {
  /** Those that a list is narrowed to; empty: all. Throws where another's was asked for. */
  narrow(asked: readonly string[]): readonly string[];
  /** The one that is meant; `null`: any. Throws where another's was asked for. */
  narrowOne(asked: string | null): string | null;
  has(tenantId: string): boolean;
}

const EVERY_TENANT: TenantScope = {
  narrow: (asked) => asked,
  narrowOne: (asked) => asked,
  has: () => true,
};

export function tenantScope(request: FastifyRequest): TenantScope {
  request.isScoped = true;
  const tenantId = request.caller === null ? null : boundTenant(request.caller);
  return tenantId === null ? EVERY_TENANT : scopeOf(tenantId);
}

/** The tenant that a caller belongs to; `null`: it is the operator’s. */
export function boundTenant(caller: Caller): string | null {
  return caller.kind === 'operator' ? null : caller.tenantId;
}

function scopeOf(own: string): TenantScope {
  return {
    narrow(asked) {
      if (asked.some((tenantId) => tenantId !== own)) throw new ApiError('tenant_not_found');
      return [own];
    },
    narrowOne(asked) {
      if (asked !== null && asked !== own) throw new ApiError('tenant_not_found');
      return own;
    },
    has: (tenantId) => tenantId === own,
  };
}
