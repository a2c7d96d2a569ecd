/** Canceling: one delivery or all of an event by hand, and in slices what deleted and disabled destinations were owed. */
import type { AuditAuthor, AuditEntry } from '../domain/audit.ts';
import type { Clock } from '../domain/clock.ts';
import type { IdCodec } from '../domain/id.ts';
import type { DeliveryRecord } from '../storage/reading.ts';
import type { Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { EngineMeasures } from './engine-measures.ts';
import type { Service } from './service.ts';

const SLICE_DELIVERIES = 500;
const BETWEEN_ROUNDS_MS = 60_000;
const PAGE_DELIVERIES = 500;

export function createCanceler(storage: Storage, clock: Clock, measures: EngineMeasures): Service {
  return {
    name: 'canceler',
    async poll() {
      const { canceled, more } = await storage.cancelSlice({
        limit: SLICE_DELIVERIES,
        nowMs: clock.nowMs(),
      });
      measures.canceled(canceled);
      return more ? 0 : BETWEEN_ROUNDS_MS;
    },
  };
}

export interface CancelParts {
  readonly storage: Storage;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly measures: EngineMeasures;
}

/** An attempt that is under way ends and is recorded; no other follows. */
export async function cancelDelivery(
  { storage, dispatcher, clock, measures }: CancelParts,
  delivery: DeliveryRecord,
  author: AuditAuthor | null,
): Promise<'canceled' | 'final' | 'unknown'> {
  const { key, tenantId, destinationId } = delivery;
  const nowMs = clock.nowMs();
  const audit = author === null ? null : cancelAudit(author, delivery, storage.ids);
  const result = await storage.cancel({ delivery: key, nowMs, audit });
  switch (result) {
    case 'final':
    case 'unknown':
      return result;
    case 'in_attempt':
    case 'canceled':
      // Only now: what could not be canceled stays in its lane.
      dispatcher.withdraw(tenantId, destinationId, key);
      // It may have been the one that the others of its order key waited for.
      dispatcher.noteDue(tenantId, destinationId, clock.nowMs());
      measures.canceled(1);
      return 'canceled';
  }
}

/** Cancels what is pending of an event; how many that were. */
export async function cancelEvent(
  parts: CancelParts,
  eventSeq: number,
  author: AuditAuthor | null,
): Promise<number> {
  let canceled = 0;
  for (;;) {
    const { rows, more } = await parts.storage.deliveryList({
      tenantIds: [],
      destinationId: null,
      eventSeq,
      status: 'pending',
      codes: [],
      topics: [],
      time: { fromMs: null, toMs: null },
      page: { limit: PAGE_DELIVERIES, order: 'asc', from: null },
    });
    const results = await Promise.all(
      rows.map((delivery) => cancelDelivery(parts, delivery, author)),
    );
    canceled += results.filter((result) => result === 'canceled').length;
    // Those of this page are pending no more: the next one begins at the start.
    if (!more) return canceled;
  }
}

function cancelAudit(
  author: AuditAuthor,
  { key, tenantId, eventId, destinationId, status }: DeliveryRecord,
  ids: IdCodec,
): AuditEntry {
  return {
    ...author,
    action: 'delivery.canceled',
    tenantId,
    resource: { kind: 'delivery', id: ids.deliveryId(key) },
    before: { event_id: eventId, destination_id: destinationId, status },
    after: { event_id: eventId, destination_id: destinationId, status: 'canceled' },
  };
}
