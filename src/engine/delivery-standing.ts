/** How a delivery stands on this node, beside what its row says. */
import type { Clock } from '../domain/clock.ts';
import type { DeliveryRecord } from '../storage/reading.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { LaneWait } from './lane.ts';

export interface DeliveryStanding {
  /** In an attempt, or about to be: nothing holds it up. */
  readonly isUnderWay: boolean;
  /** What holds it up, or would where it is not in memory; `null`: nothing. */
  readonly wait: LaneWait | null;
}

export function deliveryStanding(
  { dispatcher, clock }: { readonly dispatcher: Dispatcher; readonly clock: Clock },
  { status, claimed, tenantId, destinationId, key: { seq } }: DeliveryRecord,
): DeliveryStanding {
  const lane = dispatcher.laneOf(tenantId, destinationId);
  const isQueued = lane?.isQueued(seq) === true;
  // Of what it was given this node alone knows whether it is in memory: its row says nothing of that.
  const isBegun = claimed || lane?.underWay(seq) !== undefined;
  const isInMemory = status === 'pending' && (isQueued || isBegun);
  const wait = isInMemory && !isQueued ? null : (lane?.waitsFor(clock.nowMs()) ?? null);
  return { isUnderWay: isInMemory && wait === null, wait };
}
