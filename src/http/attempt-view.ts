/** What showing attempts takes besides themselves. */
import type { Caller } from '../domain/caller.ts';
import type { Engine } from '../engine/engine.ts';
import { getDestination } from '../engine/manage-destinations.ts';
import type { StoredAttempt } from '../storage/reading.ts';
import { sentBodies } from './schemas/attempt.ts';
import type { AttemptView, Include } from './schemas/attempt.ts';
import { destinationFor } from './shown-destination.ts';

/** Reads the destinations that are to be shown, each once. */
export async function attemptView(
  engine: Engine,
  caller: Caller | null,
  attempts: readonly StoredAttempt[],
  include: ReadonlySet<Include>,
): Promise<AttemptView> {
  const destinations = new Map<string, string>();
  if (include.has('destination')) {
    for (const { tenantId, destinationId } of attempts) {
      const key = `${tenantId}\0${destinationId}`;
      if (destinations.has(key)) continue;
      const found = await getDestination(engine, { tenantId, id: destinationId });
      if (found !== null) destinations.set(key, JSON.stringify(destinationFor(caller, found)));
    }
  }
  return {
    ids: engine.storage.ids,
    include,
    bodies: await sentBodies(include.has('request') ? attempts : [], engine.expressions),
    destinationText: (tenantId, destinationId) =>
      destinations.get(`${tenantId}\0${destinationId}`) ?? null,
  };
}
