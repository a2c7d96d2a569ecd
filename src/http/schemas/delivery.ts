/** Deliveries, as the API shows them. */
import { DELIVERY_STATUSES } from '../../domain/delivery.ts';
import type { IdCodec } from '../../domain/id.ts';
import type { DeliveryStanding } from '../../engine/delivery-standing.ts';
import type { LaneWait } from '../../engine/lane.ts';
import type { DeliveryRecord } from '../../storage/reading.ts';
import { formatTime, formatTimeOrNull } from '../time.ts';
import { Time, TimeOrNull } from './fields.ts';
import { boolean, integer, nullable, object, oneOf, string } from './json-schema.ts';

/** `delivering` is not stored: a node has it in memory, in an attempt or next in its lane. It counts as pending. */
export const SHOWN_STATUSES = [...DELIVERY_STATUSES, 'delivering'] as const;

const WAITS = [
  'retry',
  'deliver_at',
  'rate',
  'order',
  'breaker',
  'concurrency',
  'disabled',
] as const;

export const DeliverySchema = object(
  {
    id: string(),
    tenant_id: string(),
    event_id: string(),
    destination_id: string(),
    topic: string(),
    test: boolean({ description: 'Of a test event.' }),
    status: oneOf([...SHOWN_STATUSES]),
    attempts: integer(),
    next_attempt_at: TimeOrNull,
    waits_for: nullable(oneOf(WAITS), {
      description:
        'Why it is not attempted now. `disabled`: its destination is, and holds what it is owed. `order`: something of its key goes first. `breaker`: until the destination’s `state.breaker_until`.',
    }),
    last_code: nullable(string()),
    created_at: Time,
    updated_at: Time,
    delivered_at: TimeOrNull,
  },
  { $id: 'Delivery' },
);

export function deliveryJson(
  delivery: DeliveryRecord,
  ids: IdCodec,
  nowMs: number,
  { isUnderWay, wait }: DeliveryStanding,
) {
  return {
    id: ids.deliveryId(delivery.key),
    tenant_id: delivery.tenantId,
    event_id: delivery.eventId,
    destination_id: delivery.destinationId,
    topic: delivery.topic,
    test: delivery.test,
    status: isUnderWay ? 'delivering' : delivery.status,
    attempts: delivery.attempts,
    next_attempt_at:
      delivery.status === 'pending' && !isUnderWay
        ? formatTimeOrNull(delivery.nextAttemptAtMs)
        : null,
    waits_for: isUnderWay ? null : waitsFor(delivery, nowMs, wait),
    last_code: delivery.lastCode,
    created_at: formatTime(delivery.createdAtMs),
    updated_at: formatTime(delivery.updatedAtMs),
    delivered_at: formatTimeOrNull(delivery.deliveredAtMs),
  };
}

function waitsFor(
  { status, attempts, nextAttemptAtMs }: DeliveryRecord,
  nowMs: number,
  wait: LaneWait | null,
): (typeof WAITS)[number] | null {
  if (status !== 'pending') return null;
  if (wait?.for === 'disabled') return 'disabled';
  if ((nextAttemptAtMs ?? 0) > nowMs) return attempts === 0 ? 'deliver_at' : 'retry';
  return wait?.for ?? 'concurrency';
}
