/** Which of the roll-ups answers a question. */
import type { AttemptDimension } from '../domain/metrics.ts';
import { CUBES } from './rollup-count.ts';

/** The smallest that tells those dimensions apart. */
export function cubeFor(used: ReadonlySet<AttemptDimension>): number {
  const within = (...known: AttemptDimension[]) =>
    [...used].every((dimension) => known.includes(dimension));
  if (within('tenant_id')) return CUBES.tenant;
  if (within('tenant_id', 'destination_id', 'destination_type')) return CUBES.destination;
  return CUBES.everything;
}
