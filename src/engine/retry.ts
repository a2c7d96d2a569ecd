/** A retry by hand: one more attempt of one delivery, due now. */
import type { AuditAuthor, AuditEntry } from '../domain/audit.ts';
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { RoutingTable } from './routing.ts';

export type RetryResult =
  | 'due'
  | 'unknown_event'
  | 'unknown_destination'
  | 'destination_disabled'
  | 'ambiguous_event';

export interface RetryParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
}

/**
 * Works in every status, and for a destination that never had the event. A delivery that is in an attempt just now is
 * left at that: the attempt asked for is under way. Without a tenant, an id that several tenants have used is told
 * apart by the destination.
 */
export async function retryByHand(
  { storage, routing, dispatcher, clock }: RetryParts,
  {
    eventId,
    destinationId,
    tenantId,
  }: { eventId: string; destinationId: string; tenantId: string | null },
  author: AuditAuthor | null = null,
): Promise<RetryResult> {
  const events = await storage.eventGet({ id: eventId, tenantId });
  if (events.length === 0) return 'unknown_event';
  const known = events.filter(
    (event) => routing.target(event.tenantId, destinationId) !== undefined,
  );
  if (known.length > 1) return 'ambiguous_event';
  const [event] = known;
  const target = event === undefined ? undefined : routing.target(event.tenantId, destinationId);
  if (event === undefined || target === undefined) return 'unknown_destination';
  if (!target.enabled) return 'destination_disabled';
  const wish = { tenantId: event.tenantId, eventSeq: event.seq, destinationId };
  const nowMs = clock.nowMs();
  const audit = author === null ? null : retryAudit(author, event, destinationId);
  const found = await storage.retryByHand({ ...wish, nowMs, audit });
  // The clock was set back meanwhile: due now, not when that time has come once more.
  if (found === 'due' && clock.nowMs() < nowMs)
    await storage.retryByHand({ ...wish, nowMs: clock.nowMs() });
  if (found === 'unknown') return 'unknown_event';
  if (found === 'disabled') return 'destination_disabled';
  if (found === 'due') {
    // By the clock as it is now: it may have been set back meanwhile, and what was asked for is due all the same.
    const noteDue = () => dispatcher.noteDue(event.tenantId, destinationId, clock.nowMs());
    noteDue();
    // It may be due to one that was created anew under the id just now, and is not in the routing yet. Where the medium
    // refuses, the routing is read again a little later.
    await routing.refresh(event.tenantId).then(noteDue, () => {});
  }
  return 'due';
}

function retryAudit(
  author: AuditAuthor,
  { id, tenantId }: { id: string; tenantId: string },
  destinationId: string,
): AuditEntry {
  return {
    ...author,
    action: 'delivery.retried',
    tenantId,
    resource: { kind: 'event', id },
    before: null,
    after: { destination_id: destinationId },
  };
}
