/**
 * An API client of scope `webhook` sees of its tenant only what is its own: the destinations that it made, and what was
 * delivered to them. Every route that grants that scope anything asks here.
 */
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../domain/caller.ts';
import type { Engine } from '../engine/engine.ts';

/** Ids of the destinations that the caller may hear of; `null`: all of its tenant. */
export function ownDestinations(
  { caller }: Pick<FastifyRequest, 'caller'>,
  { routing }: Pick<Engine, 'routing'>,
): readonly string[] | null {
  const urn = owningClient(caller);
  if (urn === null || caller?.kind !== 'client') return null;
  const targets = routing.tenant(caller.tenantId)?.targets.values() ?? [];
  return [...targets].filter(({ apiClient }) => apiClient === urn).map(({ id }) => id);
}

/** The urn of the client whose things alone the caller sees; `null`: it is no such client. */
export function owningClient(caller: Caller | null): string | null {
  return caller?.kind === 'client' && caller.scope === 'webhook' ? caller.urn : null;
}
