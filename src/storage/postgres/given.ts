/**
 * What a node is given. A delivery that comes in on another node than the one that owns its lane is written in the owner's
 * name, as its negative incarnation, and the owner reads it instead of claiming it: a write less for each
 * (docs/decisions/040-given-to-the-owner.md). Once read, it is in memory like what was claimed; whether it is, the owner alone knows.
 *
 * What is given becomes visible in the order of its numbers, since publishes commit one after the other. So the owner reads on
 * from the last one it has taken, and what it did not hear of it finds there.
 */
import { ASKED_BY } from '../../domain/delivery.ts';
import type { ClaimedDelivery, GivenPosition } from '../claiming.ts';
import { bigints, integers } from './binary-array.ts';
import { about, rowsByTenant } from './by-tenant.ts';
import { byDue, keyOf, placeOf } from './due.ts';
import type { Due, Lane } from './due.ts';
import { isOwnKey } from './order.ts';
import { bytesOf, numberOrNull, textOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

export const OF_EVENT =
  'id, topic, time_ms, eligible_for_retry, metadata, resource, data, test, deliver_at_ms';

// All of it is due. Nothing is locked, so that it may be of many tenants.
const givenSql = (one: string, ofEvents: string) => `
  SELECT lanes.place, given.*, ${OF_EVENT}
  FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[])
    WITH ORDINALITY AS lanes (tenant, destination, after_ms, after_seq, most, place)
  CROSS JOIN LATERAL (
    SELECT event_seq, ordinal, next_attempt_ms, attempts, step, asked_by, order_key FROM deliveries
    WHERE status = ${STATUS_CODE.pending} AND deliveries.tenant_no = tenant AND destination_no = destination
      AND claimed_by = -$1::bigint AND (next_attempt_ms, event_seq) > (after_ms, after_seq)
      AND event_seq BETWEEN $7 AND $8 ${one}
    ORDER BY next_attempt_ms, event_seq, ordinal LIMIT most) AS given
  JOIN events ON events.tenant_no = tenant AND events.seq = given.event_seq AND events.seq BETWEEN $7 AND $8
       ${ofEvents}`;
const GIVEN = givenSql('', '');
const GIVEN_OF_ONE = givenSql('AND deliveries.tenant_no = $9', 'AND events.tenant_no = $9');

export const BEFORE_ALL: GivenPosition = { dueAtMs: 0, seq: 0 };

export interface Taken extends Omit<Due, 'claimant'> {
  readonly delivery: ClaimedDelivery;
}

export interface LaneOfGiven extends Lane {
  readonly limit: number;
  readonly givenAfter: GivenPosition;
}

/** What this node was given of each lane after that position, in order. */
export async function readGiven<Asked extends LaneOfGiven>(
  session: WriteSession,
  lanes: readonly Asked[],
): Promise<Map<Asked, Taken[]>> {
  const given = new Map<Asked, Taken[]>();
  const [first] = lanes;
  if (first === undefined) return given;
  const rows = await rowsByTenant(session, lanes, (part) => {
    const values = [
      session.incarnation,
      bigints(part.map(({ tenantNo }) => tenantNo)),
      bigints(part.map(({ destinationNo }) => destinationNo)),
      bigints(part.map(({ givenAfter }) => givenAfter.dueAtMs)),
      bigints(part.map(({ givenAfter }) => givenAfter.seq)),
      integers(part.map(({ limit }) => limit)),
      ...first.openSpan,
    ];
    return session.rows(...about(session, [GIVEN, GIVEN_OF_ONE], part[0]?.tenantNo, ...values));
  });
  for (const row of rows) {
    const lane = lanes[placeOf(row)];
    if (lane === undefined) continue;
    const delivery = { ...claimedDelivery(session, row), isGiven: true };
    const { key } = delivery;
    session.memory.eventTenants.note(key.seq, lane.tenantNo);
    const taken = { key, dueAtMs: Number(row['next_attempt_ms']), delivery };
    const before = given.get(lane);
    if (before === undefined) given.set(lane, [taken]);
    else before.push(taken);
  }
  for (const taken of given.values()) taken.sort(byDue);
  return given;
}

/** Up to where they go: what is read next comes after it. */
export function positionOf(given: readonly Taken[]): { givenUpTo?: GivenPosition } {
  const last = given.at(-1);
  return last === undefined ? {} : { givenUpTo: { dueAtMs: last.dueAtMs, seq: last.key.seq } };
}

export function claimedDelivery(session: Session, row: Row): ClaimedDelivery {
  const key = keyOf(row);
  const orderKey = textOrNull(row['order_key']);
  return {
    key,
    attempts: Number(row['attempts']),
    step: Number(row['step']),
    askedBy: ASKED_BY[Number(row['asked_by'])] ?? 'schedule',
    orderKey: orderKey === null || isOwnKey(orderKey) ? null : orderKey,
    event: {
      seq: key.seq,
      id: row['id'] === null ? session.ids.eventId(key.seq) : String(row['id']),
      topic: String(row['topic']),
      timeMs: Number(row['time_ms']),
      eligibleForRetry: row['eligible_for_retry'] === true,
      metadata: textOrNull(row['metadata']),
      resource: textOrNull(row['resource']),
      data: bytesOf(row['data']),
      test: row['test'] === true,
      deliverAtMs: numberOrNull(row['deliver_at_ms']),
    },
  };
}
