/** A replay goes on: deliveries that it makes due, all by one statement each where they have no order to keep. */
import { ASKED_BY, SCHEDULE_OVER } from '../../domain/delivery.ts';
import { orderKeyFor } from '../../domain/order.ts';
import type { ReplayCriteria, ReplaySelection } from '../../domain/replay.ts';
import type { DeliveryKey } from '../reading.ts';
import type { ReplayDelivery } from '../replaying.ts';
import type { Storage } from '../storage.ts';
import { spanOf } from './days.ts';
import { readHolders } from './holders.ts';
import type { Operation } from './operation.ts';
import { storedKey, supersede } from './order.ts';
import { textOrNull } from './page.ts';
import { SELECTED } from './replay-candidates.ts';
import { settleEnded } from './replay-settle.ts';
import type { TenantNumbers } from './routes.ts';
import type { Row } from './session.ts';
import { STATUS_CODE } from './statuses.ts';
import type { WriteSession } from './write-session.ts';

const BY_REPLAY = ASKED_BY.indexOf('replay');

// Not locked: all that changes replays holds the numbers.
const REPLAY = `
  SELECT replays.no AS no, destination_no, tenant_no, criteria, position, tenants.id AS tenant_id
  FROM replays JOIN tenants ON tenants.no = tenant_no WHERE replays.id = $1 AND status = 'running'`;

const find = (select: ReplaySelection) => `
  SELECT place, resource, events.order_key, deliveries.ordinal, (${SELECTED[select]}) AS is_selected,
         (SELECT coalesce(max(ordinal) + 1, 0) FROM deliveries WHERE tenant_no = $1 AND event_seq = events.seq
            AND event_seq BETWEEN $4 AND $5) AS next_ordinal
  FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS wanted (event, destination, place)
  JOIN events ON events.tenant_no = $1 AND events.seq = event
  LEFT JOIN deliveries ON deliveries.tenant_no = $1 AND event_seq = event AND destination_no = destination
       AND event_seq BETWEEN $4 AND $5
  WHERE events.seq BETWEEN $4 AND $5`;
const FIND: Record<ReplaySelection, string> = {
  all: find('all'),
  failed: find('failed'),
  missed: find('missed'),
};

// One that was canceled and is still in memory goes on as if it had not been: see by-hand.ts. What is given has no order.
const HOLDER = 'CASE WHEN due.key IS NULL THEN abs(claimed_by) ELSE claimed_by END';
const IS_IN_MEMORY = `
  EXISTS (SELECT 1 FROM nodes WHERE incarnation = ${HOLDER} AND (incarnation = $7 OR lease_until > clock_timestamp()))`;

const makeDueSql = (isInMemory: string) => `
  UPDATE deliveries
  SET status = ${STATUS_CODE.pending}, holds = false, asked_by = ${BY_REPLAY},
      next_attempt_ms = CASE WHEN claimed_by < 0 AND ${isInMemory} THEN $6::bigint + 1 ELSE $2::bigint END,
      step = CASE WHEN ${isInMemory} THEN step ELSE ${SCHEDULE_OVER} END,
      claimed_by = CASE WHEN ${isInMemory} THEN claimed_by ELSE 0 END, order_key = due.key, updated_ms = $6
  FROM unnest($3::bigint[], $4::integer[], $5::text[]) AS due (seq, place, key)
  WHERE tenant_no = $1 AND event_seq = seq AND ordinal = place AND event_seq BETWEEN $8 AND $9`;
const MAKE_DUE = makeDueSql(IS_IN_MEMORY);
// On Citus leases lie elsewhere: they are read while nobody can claim what is made due (holders.ts).
const LOCK = `
  SELECT 1 FROM deliveries JOIN unnest($2::bigint[], $3::integer[]) AS due (seq, place) ON event_seq = seq AND ordinal = place
  WHERE tenant_no = $1 AND event_seq BETWEEN $4 AND $5 FOR UPDATE OF deliveries`;
const MAKE_DUE_BY_HOLDERS = makeDueSql(`${HOLDER} = ANY($7::bigint[])`);

const ADD = `
  INSERT INTO deliveries (event_seq, ordinal, destination_no, order_key, tenant_no, status, attempts, step, asked_by,
                          next_attempt_ms, claimed_by, created_ms, updated_ms)
  SELECT due.*, $1, ${STATUS_CODE.pending}, 0, ${SCHEDULE_OVER}, ${BY_REPLAY}, $2, 0, $2, $7
  FROM unnest($3::bigint[], $4::integer[], $5::bigint[], $6::text[]) AS due`;

const DISABLED = `
  SELECT no FROM destinations WHERE tenant_no = $1 AND disabled_ms IS NOT NULL AND deleted_ms IS NULL`;

const WAIT_FOR = `
  INSERT INTO replay_deliveries (tenant_no, event_seq, ordinal, replay_no)
  SELECT $1, seq, place, $2 FROM unnest($3::bigint[], $4::integer[]) AS due (seq, place)`;

const GO_ON = `
  UPDATE replays SET position = $1, is_read = $2, updated_ms = $3 WHERE tenant_no = $4 AND no = $5`;

export const replayAdvance: Operation<Storage['replayAdvance'], WriteSession> = async (
  session,
  { id, from, to, isEnd, deliveries, nowMs },
) => {
  const askedMs = await session.takeAskedMs();
  const replay = await session.row(REPLAY, id);
  const position = from === null ? null : JSON.stringify(from);
  if (replay === undefined || replay['position'] !== position) return { kind: 'not_at_position' };
  const tenant = await session.memory.routes.tenant(session, String(replay['tenant_id']));
  if (tenant === undefined || tenant.no !== replay['tenant_no']) return { kind: 'not_at_position' };
  const wanted = replay['destination_no'];
  if (wanted !== null && ![...tenant.destinations.values()].some((no) => no === wanted))
    return { kind: 'destination_deleted' };
  const disabled = await session.rows(DISABLED, tenant.no);
  if (disabled.some(({ no }) => no === wanted)) return { kind: 'destination_disabled' };
  const disabledNos = new Set(disabled.map(({ no }) => Number(no)));
  // JSON that this driver has written.
  const { select } = JSON.parse(String(replay['criteria'])) as ReplayCriteria;
  const slice = new Slice(session, tenant, Number(replay['no']), { nowMs, askedMs });
  const isEnabled = ({ destinationId }: ReplayDelivery) =>
    !disabledNos.has(tenant.destinations.get(destinationId) ?? -1);
  await slice.makeDue(deliveries.filter(isEnabled), select);
  const { due, superseded } = slice;
  const readTo = to === null ? null : JSON.stringify(to);
  await session.run(GO_ON, readTo, isEnd, nowMs, tenant.no, Number(replay['no']));
  return { kind: 'advanced', due, superseded };
};

interface Due extends DeliveryKey {
  readonly destinationNo: number;
  readonly orderKey: string | null;
  /** The destination never had the event. */
  readonly isNew: boolean;
}

interface Times {
  readonly nowMs: number;
  readonly askedMs: number;
}

class Slice {
  readonly #session: WriteSession;
  readonly #tenant: TenantNumbers;
  readonly #replayNo: number;
  readonly #times: Times;
  #gathered: Due[] = [];
  readonly #nextOrdinals = new Map<number, number>();
  readonly due: DeliveryKey[] = [];
  readonly superseded: (DeliveryKey & { destinationId: string })[] = [];

  constructor(session: WriteSession, tenant: TenantNumbers, replayNo: number, times: Times) {
    this.#session = session;
    this.#tenant = tenant;
    this.#replayNo = replayNo;
    this.#times = times;
  }

  async makeDue(deliveries: readonly ReplayDelivery[], select: ReplaySelection): Promise<void> {
    const rows = await this.#session.rows(
      FIND[select],
      this.#tenant.no,
      deliveries.map(({ eventSeq }) => eventSeq),
      deliveries.map(({ destinationId }) => this.#tenant.destinations.get(destinationId) ?? -1),
      ...spanOf(deliveries.map(({ eventSeq }) => eventSeq)),
    );
    const found = new Map(rows.map((row) => [Number(row['place']) - 1, row]));
    const seen = new Set<string>();
    for (const [place, delivery] of deliveries.entries()) {
      const row = found.get(place);
      const name = `${delivery.eventSeq} ${delivery.destinationId}`;
      if (row === undefined || seen.has(name)) continue;
      seen.add(name);
      await this.#add(delivery, row, select);
    }
    await this.#flush();
  }

  /** Passes over what is not what the replay selects, or pointless. */
  async #add(
    { eventSeq, destinationId, order }: ReplayDelivery,
    row: Row,
    select: ReplaySelection,
  ): Promise<void> {
    const destinationNo = this.#tenant.destinations.get(destinationId);
    if (destinationNo === undefined) return;
    const isNew = row['ordinal'] === null;
    if (isNew ? select === 'failed' : row['is_selected'] !== true) return;
    const resource = textOrNull(row['resource']);
    const orderKey = textOrNull(row['order_key']);
    const key = orderKeyFor(order, { resource, orderKey });
    if (order === 'latest' && key !== null) {
      // What it may supersede can be in this slice.
      await this.#flush();
      const openSpan = await this.#session.openSpan();
      const lane = { tenantNo: this.#tenant.no, destinationNo, openSpan };
      const versions = await supersede(
        this.#session,
        lane,
        key,
        { seq: eventSeq, resource },
        this.#times.nowMs,
      );
      if (versions.isSuperseded) return;
      for (const { seq, ordinal } of versions.inMemory)
        this.superseded.push({ seq, ordinal, destinationId });
    }
    const ordinal = isNew ? this.#nextOrdinal(eventSeq, row) : Number(row['ordinal']);
    this.due.push({ seq: eventSeq, ordinal });
    this.#gathered.push({
      seq: eventSeq,
      ordinal,
      destinationNo,
      orderKey: storedKey(order, key, eventSeq, ordinal),
      isNew,
    });
  }

  #nextOrdinal(eventSeq: number, row: Row): number {
    const ordinal = this.#nextOrdinals.get(eventSeq) ?? Number(row['next_ordinal']);
    this.#nextOrdinals.set(eventSeq, ordinal + 1);
    return ordinal;
  }

  /** Writes what has gathered. */
  async #flush(): Promise<void> {
    const gathered = this.#gathered;
    this.#gathered = [];
    if (gathered.length === 0) return;
    await this.#session.reopen(spanOf(gathered.map(({ seq }) => seq))[0]);
    const again = gathered.filter(({ isNew }) => !isNew);
    const added = gathered.filter(({ isNew }) => isNew);
    const [session, tenantNo] = [this.#session, this.#tenant.no];
    const { nowMs, askedMs } = this.#times;
    if (again.length > 0) {
      // They may have ended for another replay just now.
      await settleEnded(session, tenantNo, again, nowMs);
      const keys = keyColumns(again);
      const span = spanOf(again.map(({ seq }) => seq));
      const rest = [again.map(({ orderKey }) => orderKey), askedMs] as const;
      if (session.isDistributed) {
        await session.run(LOCK, tenantNo, ...keys, ...span);
        const holders = [...(await readHolders(session))];
        await session.run(MAKE_DUE_BY_HOLDERS, tenantNo, nowMs, ...keys, ...rest, holders, ...span);
      } else {
        const own = session.incarnation;
        await session.run(MAKE_DUE, tenantNo, nowMs, ...keys, ...rest, own, ...span);
      }
    }
    if (added.length > 0) {
      const destinations = added.map(({ destinationNo }) => destinationNo);
      const orderKeys = added.map(({ orderKey }) => orderKey);
      await session.run(
        ADD,
        tenantNo,
        nowMs,
        ...keyColumns(added),
        destinations,
        orderKeys,
        askedMs,
      );
    }
    await session.run(WAIT_FOR, tenantNo, this.#replayNo, ...keyColumns(gathered));
  }
}

function keyColumns(keys: readonly DeliveryKey[]) {
  return [keys.map(({ seq }) => seq), keys.map(({ ordinal }) => ordinal)] as const;
}
