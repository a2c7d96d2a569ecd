/** How many destinations a tenant may have, whichever door they are made at. */
import type { Engine } from '../engine/engine.ts';
import { ApiError } from './errors.ts';
import type { ServerLimits } from './server-parts.ts';

/** The tenant's own limit, else the one for all. */
export function maxDestinations(
  { routing }: Pick<Engine, 'routing'>,
  { maxDestinationsPerTenant }: ServerLimits,
  tenantId: string,
): number {
  return routing.tenant(tenantId)?.limits.destinations ?? maxDestinationsPerTenant;
}

export function tooManyDestinations(max: number): ApiError {
  const message = `The tenant may have ${max} destinations, and has them.`;
  return new ApiError('too_many_destinations', message);
}
