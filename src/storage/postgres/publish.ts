/** Events and what they owe: one statement for all events, one for all deliveries. */
import type { NewEvent, PublishOutcome } from '../storage.ts';
import { orderKeyFor } from '../../domain/order.ts';
import type { DeliveryKey } from '../reading.ts';
import { bigints, booleans, byteas, integers, smallints, texts } from './binary-array.ts';
import { byTenant } from './by-tenant.ts';
import { dayOf } from './days.ts';
import { findBefore, sameContent } from './same-id.ts';
import type { Before } from './same-id.ts';
import { isBlocked, storedKey, supersede } from './order.ts';
import type { TenantNumbers } from './routes.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

// An id of before may stand there still, of an event that retention has dropped. That there is no other, same-id.ts has
// found out: all that publish wait for each other.
const INSERT_KEYS = `
  INSERT INTO event_keys (tenant_no, seq, id)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS new (tenant_no, seq, id) WHERE id IS NOT NULL
  ON CONFLICT (tenant_no, id) DO UPDATE SET seq = excluded.seq`;
const INSERT_EVENTS_ALONE = `
  INSERT INTO events (tenant_no, seq, id, topic, time_ms, eligible_for_retry, test, metadata, resource, order_key,
                      requested_destination_id, data, deliver_at_ms)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::boolean[], $7::boolean[],
                       $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::bigint[])`;
const INSERT_EVENTS = `WITH keys AS (${INSERT_KEYS}) ${INSERT_EVENTS_ALONE}`;

// To the owner of its lane, if that lives (given.ts). What waits for its turn, or its time, is claimed.
const GIVEN_TO = `
  SELECT -owner FROM lanes JOIN nodes ON incarnation = owner
  WHERE lanes.tenant_no = new.tenant_no AND lanes.destination_no = new.destination_no AND lease_until > clock_timestamp()
    AND NOT EXISTS (SELECT 1 FROM nodes AS older WHERE NOT older.reads_given AND older.lease_until > clock_timestamp())`;
const INSERT_DELIVERIES = `
  INSERT INTO deliveries (tenant_no, event_seq, ordinal, destination_no, status, attempts, step, asked_by,
                          next_attempt_ms, claimed_by, updated_ms, order_key)
  SELECT tenant_no, event_seq, ordinal, destination_no, status, 0, 0, 0, next_attempt_ms,
         CASE WHEN is_given THEN coalesce((${GIVEN_TO}), 0) ELSE claimed_by END, updated_ms, order_key
  FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::bigint[], $5::smallint[], $6::bigint[], $7::bigint[],
              $8::boolean[], $9::bigint[], $10::text[])
    AS new (tenant_no, event_seq, ordinal, destination_no, status, next_attempt_ms, claimed_by, is_given, updated_ms,
            order_key)`;

interface EventRow {
  readonly tenantNo: number;
  readonly seq: number;
  readonly timeMs: number;
  readonly event: NewEvent;
}

interface DeliveryRow {
  readonly tenantNo: number;
  readonly seq: number;
  readonly ordinal: number;
  readonly destinationNo: number;
  readonly status: number;
  readonly dueAtMs: number | null;
  readonly claimedBy: number;
  readonly isGiven: boolean;
  readonly nowMs: number;
  readonly orderKey: string | null;
}

export async function publish(
  session: WriteSession,
  events: readonly NewEvent[],
): Promise<PublishOutcome[]> {
  const tenantIds = [...new Set(events.map(({ tenantId }) => tenantId))];
  const tenants = await session.memory.routes.tenants(session, tenantIds);
  const before = await findBefore(session, events, tenants);
  const firstSeq = await session.takeSeqs(events.length);
  await session.makeDaysTo(dayOf(firstSeq), dayOf(firstSeq + events.length - 1));
  const group = new Group(session, before);
  const outcomes: PublishOutcome[] = [];
  for (const [index, event] of events.entries())
    outcomes.push(await group.store(event, tenants.get(event.tenantId), firstSeq + index));
  group.flush();
  return outcomes;
}

/** Rows that are to be written together. */
class Group {
  readonly #session: WriteSession;
  readonly #before: Map<string, Before>;
  #events: EventRow[] = [];
  #deliveries: DeliveryRow[] = [];

  constructor(session: WriteSession, before: Map<string, Before>) {
    this.#session = session;
    this.#before = before;
  }

  async store(
    event: NewEvent,
    tenant: TenantNumbers | undefined,
    seq: number,
  ): Promise<PublishOutcome> {
    if (tenant === undefined) return { kind: 'unknown_tenant' };
    const key = `${tenant.no} ${event.id}`;
    const before = event.id === null ? undefined : this.#before.get(key);
    if (before !== undefined) {
      if (!sameContent(before, event)) return { kind: 'conflict' };
      return { kind: 'duplicate', destinationIds: before.destinationIds };
    }
    if (tenant.routingVersion !== event.routingVersion) return { kind: 'stale_routing' };
    const outcome = await this.#insert(event, tenant, seq);
    if (event.id !== null) {
      const destinationIds = event.destinations.map(({ id }) => id);
      this.#before.set(key, { ...event, destinationIds });
    }
    return outcome;
  }

  /** Writes what has gathered; what is read afterwards sees it. */
  flush(): void {
    const events = this.#events;
    const deliveries = this.#deliveries;
    this.#events = [];
    this.#deliveries = [];
    const session = this.#session;
    for (const part of byTenant(session, events, tenantOf)) {
      const columns = eventColumns(part);
      if (session.isDistributed) {
        // Citus takes no statement that inserts twice.
        session.send(INSERT_KEYS, ...columns.slice(0, KEY_COLUMNS));
        session.send(INSERT_EVENTS_ALONE, ...columns);
      } else session.send(INSERT_EVENTS, ...columns);
    }
    for (const part of byTenant(session, deliveries, tenantOf))
      session.send(INSERT_DELIVERIES, ...deliveryColumns(part));
  }

  async #insert(event: NewEvent, tenant: TenantNumbers, seq: number): Promise<PublishOutcome> {
    const nowMs = Math.floor(seq / 1000);
    const timeMs = event.timeMs ?? nowMs;
    // Numbers only grow, also where the clock went back: what is due at once keeps its place (due.ts).
    const dueAtMs = event.deliverAtMs ?? nowMs;
    const openSpan = await this.#session.openSpan();
    this.#events.push({ tenantNo: tenant.no, seq, timeMs, event });
    const behind: number[] = [];
    const superseded: DeliveryKey[] = [];
    for (const [ordinal, { id, claimed, order = 'none' }] of event.destinations.entries()) {
      const destinationNo = tenant.destinations.get(id);
      if (destinationNo === undefined)
        throw new Error(`destination ${id} is not in routing version ${event.routingVersion}`);
      const lane = { tenantNo: tenant.no, destinationNo, openSpan };
      const key = orderKeyFor(order, event);
      let isClaimed = claimed;
      let isSuperseded = false;
      // What stands before it may be in this group.
      if (key !== null) this.flush();
      if (key !== null && order === 'key' && (await isBlocked(this.#session, lane, key)))
        isClaimed = false;
      if (key !== null && order === 'latest') {
        const found = await supersede(
          this.#session,
          lane,
          key,
          { seq, resource: event.resource },
          nowMs,
        );
        superseded.push(...found.inMemory);
        ({ isSuperseded } = found);
        if (isSuperseded || found.isBehind) isClaimed = false;
      }
      if (claimed && !isClaimed) behind.push(ordinal);
      if (isClaimed) this.#session.memory.eventTenants.note(seq, tenant.no);
      this.#deliveries.push({
        tenantNo: tenant.no,
        seq,
        ordinal,
        destinationNo,
        status: isSuperseded ? STATUS_CODE.canceled : STATUS_CODE.pending,
        dueAtMs: isSuperseded ? null : dueAtMs,
        claimedBy: isClaimed ? this.#session.incarnation : 0,
        isGiven: !isClaimed && order === 'none' && event.deliverAtMs === null,
        nowMs,
        orderKey: storedKey(order, key, seq, ordinal),
      });
    }
    return {
      kind: 'stored',
      seq,
      timeMs,
      ...(behind.length === 0 ? {} : { behind }),
      ...(superseded.length === 0 ? {} : { superseded }),
    };
  }
}

const tenantOf = ({ tenantNo }: { readonly tenantNo: number }) => tenantNo;

/** Tenant, number and id. */
const KEY_COLUMNS = 3;

function eventColumns(rows: readonly EventRow[]) {
  return [
    bigints(rows.map(({ tenantNo }) => tenantNo)),
    bigints(rows.map(({ seq }) => seq)),
    texts(rows.map(({ event }) => event.id)),
    texts(rows.map(({ event }) => event.topic)),
    bigints(rows.map(({ timeMs }) => timeMs)),
    booleans(rows.map(({ event }) => event.eligibleForRetry)),
    booleans(rows.map(({ event }) => event.test)),
    texts(rows.map(({ event }) => event.metadata)),
    texts(rows.map(({ event }) => event.resource)),
    texts(rows.map(({ event }) => event.orderKey)),
    texts(rows.map(({ event }) => event.requestedDestinationId)),
    byteas(rows.map(({ event }) => event.data)),
    bigints(rows.map(({ event }) => event.deliverAtMs)),
  ] as const;
}

function deliveryColumns(rows: readonly DeliveryRow[]) {
  return [
    bigints(rows.map(({ tenantNo }) => tenantNo)),
    bigints(rows.map(({ seq }) => seq)),
    integers(rows.map(({ ordinal }) => ordinal)),
    bigints(rows.map(({ destinationNo }) => destinationNo)),
    smallints(rows.map(({ status }) => status)),
    bigints(rows.map(({ dueAtMs }) => dueAtMs)),
    bigints(rows.map(({ claimedBy }) => claimedBy)),
    booleans(rows.map(({ isGiven }) => isGiven)),
    bigints(rows.map(({ nowMs }) => nowMs)),
    texts(rows.map(({ orderKey }) => orderKey)),
  ] as const;
}
