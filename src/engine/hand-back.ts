/** Deliveries that leave the memory without an attempt. */
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { EngineLog } from './engine-log.ts';
import type { EngineMeasures } from './engine-measures.ts';
import type { LiveDelivery } from './live-delivery.ts';

export interface HandBackParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: EngineLog;
  readonly measures: EngineMeasures;
}

/**
 * They are due again at once, to be claimed when there is room; those that were canceled stay so. `false`: the medium
 * refuses, they are still claimed.
 */
export async function handBack(
  { storage, log }: HandBackParts,
  deliveries: readonly LiveDelivery[],
): Promise<boolean> {
  try {
    await storage.release({ deliveries: deliveries.map(keyOf) });
    return true;
  } catch (error) {
    log.releaseFailed(error);
    return false;
  }
}

/** It is not to be sent any more: canceled, where nobody was there before, and still claimed if it was; `false`: the medium refuses. */
export async function cancel(parts: HandBackParts, delivery: LiveDelivery): Promise<boolean> {
  const { storage, clock, log, measures } = parts;
  try {
    const result = await storage.cancel({
      delivery: keyOf(delivery),
      nowMs: clock.nowMs(),
      ...(delivery.superseded ? { code: 'superseded' } : {}),
    });
    if (result === 'in_attempt' || result === 'canceled') measures.canceled(1);
    return true;
  } catch (error) {
    log.cancelFailed(error);
    return false;
  }
}

function keyOf({ event, ordinal }: LiveDelivery): { seq: number; ordinal: number } {
  return { seq: event.seq, ordinal };
}
