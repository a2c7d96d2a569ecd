/** Claims: which deliveries a node has in memory. */
import { withinPlaces } from '../claim-places.ts';
import type { DeliveryKey } from '../reading.ts';
import type { ClaimedDelivery, ClaimedLane, GivenPosition, LaneClaim } from '../claiming.ts';
import type { Storage } from '../storage.ts';
import { bigints, integers } from './binary-array.ts';
import { about, byTenant } from './by-tenant.ts';
import { byClaimants, CLAIMANTS, claimantsIn } from './claimants.ts';
import { byDay, daysFromTo, spanOf } from './days.ts';
import { byDue, firstDue, keyOf, oldestDue, placeOf } from './due.ts';
import type { Due, Lane, LaneOfDue } from './due.ts';
import { dueRetries } from './due-retries.ts';
import { findLanesApart } from './find-lanes.ts';
import { BEFORE_ALL, claimedDelivery, OF_EVENT, positionOf, readGiven } from './given.ts';
import type { Taken } from './given.ts';
import { lineOf } from './lines.ts';
import type { Operation } from './operation.ts';
import { orderedHeads } from './order.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

const MAX_TRIES = 8;
/** Deliveries of an ordered lane that are looked through for some without a key. */
const MAX_UNORDERED = 1000;

const laterWithoutKeySql = (claimants: string) => `
  SELECT found.* FROM (${claimants}) AS claimants CROSS JOIN LATERAL (
    SELECT min(next_attempt_ms) FILTER (WHERE order_key IS NULL) AS first, max(next_attempt_ms) AS last,
           count(*) AS looked
    FROM (
      SELECT next_attempt_ms, order_key FROM deliveries
      WHERE status = ${STATUS_CODE.pending} AND tenant_no = $2 AND destination_no = $3 AND claimed_by = claimant
        AND next_attempt_ms > $4 AND event_seq BETWEEN $5 AND $6
      ORDER BY next_attempt_ms LIMIT ${MAX_UNORDERED}) AS later) AS found`;
const LATER_WITHOUT_KEY = laterWithoutKeySql(CLAIMANTS);
const LATER_OF_READ = laterWithoutKeySql(claimantsIn('$1', '$7'));

// The tenant goes with each key: as a value of its own it would invite a plan that reads all of the tenant's deliveries. `status + 0`:
// as in record.ts.
const claimSql = (one: string) => `
  UPDATE deliveries SET claimed_by = $1
  FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bigint[]) AS wanted (tenant, seq, place, claimant)
  JOIN events ON events.tenant_no = wanted.tenant AND events.seq = wanted.seq
  WHERE deliveries.tenant_no = wanted.tenant AND event_seq = wanted.seq AND ordinal = place
    AND claimed_by = claimant AND status + 0 = ${STATUS_CODE.pending}
    AND events.seq BETWEEN $6 AND $7 AND event_seq BETWEEN $6 AND $7 ${one}
  RETURNING event_seq, ordinal, attempts, step, asked_by, deliveries.order_key, ${OF_EVENT}`;
const CLAIM = claimSql('');
const CLAIM_OF_ONE = claimSql('AND deliveries.tenant_no = $8 AND events.tenant_no = $8');

const FIND_LANES = `
  SELECT place, destinations.tenant_no, destinations.no, cancel_below_seq IS NOT NULL AS is_canceling,
         EXISTS (SELECT 1 FROM lanes WHERE lanes.tenant_no = destinations.tenant_no
                   AND lanes.destination_no = destinations.no AND owner = $3) AS is_owned,
         (SELECT open_seq FROM numbers) AS open_seq, (SELECT last_seq FROM numbers) AS last_seq
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (tenant, destination, place)
  JOIN tenants ON tenants.id = tenant
  JOIN destinations ON destinations.tenant_no = tenants.no AND destinations.id = destination AND deleted_ms IS NULL`;

// Its time stays what it was where that is past: so it keeps its place before what came later. What was canceled stays so.
const releaseSql = (one: string) => `
  UPDATE deliveries
  SET claimed_by = ${lineOf('$8')},
      next_attempt_ms = CASE WHEN status = ${STATUS_CODE.pending} THEN least(next_attempt_ms, $1) END
  FROM unnest($3::bigint[], $4::integer[], $5::bigint[]) AS wanted (seq, place, tenant)
  WHERE deliveries.tenant_no = tenant AND event_seq = wanted.seq AND ordinal = place AND abs(claimed_by) = $2
    AND event_seq BETWEEN $6 AND $7 ${one}`;
const RELEASE = releaseSql('');
const RELEASE_OF_ONE = releaseSql('AND deliveries.tenant_no = $9');

type Query = Parameters<Storage['claim']>[0];

/** What was asked for of a lane, and what is known of it. */
interface Asked extends LaneOfDue {
  readonly isOrdered: boolean;
  readonly isCanceling: boolean;
  readonly retryPlaces: number;
  readonly givenAfter: GivenPosition;
  /** Only retries, from then on; `null`: whatever is due. */
  readonly retriesFromMs: number | null;
}

export async function claim(
  session: WriteSession,
  { lanes, dueBeforeMs }: Query,
): Promise<ClaimedLane[]> {
  const asked = await findLanes(session, lanes);
  const parts = new Map<Asked, LanePart>();
  const open: Asked[] = [];
  for (const lane of asked) {
    if (lane?.isCanceling !== false) continue;
    if (lane.retriesFromMs === null) open.push(lane);
    else parts.set(lane, await claimRetries(session, lane, lane.retriesFromMs, dueBeforeMs));
  }
  const unordered = open.filter(({ isOrdered }) => !isOrdered);
  const [given, firstMs] = await Promise.all([
    readGiven(session, open),
    firstDue(session, unordered, dueBeforeMs),
  ]);
  const waiting: Asked[] = [];
  for (const [place, lane] of unordered.entries()) {
    const dueAtMs = firstMs[place] ?? null;
    if (dueAtMs !== null && dueAtMs <= dueBeforeMs) waiting.push(lane);
    else parts.set(lane, partOf(lane, given.get(lane), [], dueAtMs, dueBeforeMs));
  }
  for (const [lane, part] of await claimWaiting(session, waiting, given, dueBeforeMs))
    parts.set(lane, part);
  for (const lane of open)
    if (lane.isOrdered)
      parts.set(lane, await claimOrdered(session, lane, given.get(lane), dueBeforeMs));
  return lanes.map(({ tenantId, destinationId }, place) => {
    const lane = asked[place];
    let part = NOTHING;
    if (lane?.isCanceling === true)
      part = { ...NOTHING, nextDueAtMs: dueBeforeMs + WHILE_CANCELING_MS };
    else if (lane !== undefined) part = parts.get(lane) ?? NOTHING;
    return { tenantId, destinationId, ...part };
  });
}

// It was disabled and is enabled again: what it was owed before is not sent, though it is not canceled yet.
const WHILE_CANCELING_MS = 20;

type LanePart = Omit<ClaimedLane, 'tenantId' | 'destinationId'>;
const ALL_LOOKED_AT = { hasFollowers: false, isPartial: false };
const NOTHING: LanePart = { deliveries: [], nextDueAtMs: null, ...ALL_LOOKED_AT };

async function findLanes(
  session: WriteSession,
  lanes: readonly LaneClaim[],
): Promise<(Asked | undefined)[]> {
  const rows = session.isDistributed
    ? await findLanesApart(session, lanes)
    : await session.rows(
        FIND_LANES,
        lanes.map(({ tenantId }) => tenantId),
        lanes.map(({ destinationId }) => destinationId),
        session.incarnation,
      );
  const found = lanes.map((): Asked | undefined => undefined);
  for (const row of rows) {
    const place = placeOf(row);
    const {
      limit = 0,
      retryPlaces = 0,
      isOrdered = false,
      givenAfter = null,
      retriesFromMs = null,
    } = lanes[place] ?? {};
    found[place] = {
      tenantNo: Number(row['tenant_no']),
      destinationNo: Number(row['no']),
      isCanceling: row['is_canceling'] === true,
      isOwned: row['is_owned'] === true,
      openSpan: daysFromTo(Number(row['open_seq']), Number(row['last_seq'])),
      limit,
      retryPlaces,
      isOrdered,
      givenAfter: givenAfter ?? BEFORE_ALL,
      retriesFromMs,
    };
  }
  return found;
}

/** Of lanes without order in which something waits: all of them together. */
async function claimWaiting(
  session: WriteSession,
  lanes: readonly Asked[],
  given: ReadonlyMap<Asked, readonly Taken[]>,
  dueBeforeMs: number,
): Promise<[Asked, LanePart][]> {
  if (lanes.length === 0) return [];
  const claimed = new Map(lanes.map((lane): [Asked, Taken[]] => [lane, []]));
  let nextMs: readonly (number | null)[] = [];
  // Once, but where another takes or cancels what was just found: then something else may be due.
  for (let tries = 0, isMissing = true; isMissing && tries < MAX_TRIES; tries++) {
    const left = lanes.map((lane) => ({ ...lane, limit: lane.limit - sizeOf(claimed.get(lane)) }));
    const found = await oldestDue(session, left, dueBeforeMs);
    const wanted = lanes.map((lane, place) => {
      const { others = [], retries = [] } = found[place] ?? {};
      // Of both together the first: what was given and finds no room is read again.
      const first = [...(given.get(lane) ?? []), ...others].toSorted(byDue);
      return withinPlaces<Taken | Due>(first, retries, left[place] ?? lane).flatMap((each) =>
        // Not of those that were given.
        'claimant' in each ? [{ ...each, lane, tenantNo: lane.tenantNo }] : [],
      );
    });
    const all = wanted.flat();
    const [taken, next] = await Promise.all([
      take(session, all),
      firstDue(session, lanes, dueBeforeMs),
    ]);
    nextMs = next;
    for (const { lane, key, dueAtMs } of all) {
      const delivery = taken.get(nameOf(key));
      if (delivery !== undefined) claimed.get(lane)?.push({ key, dueAtMs, delivery });
    }
    isMissing = taken.size < all.length;
  }
  return lanes.map((lane, place) => {
    const part = partOf(lane, given.get(lane), claimed.get(lane), nextMs[place], dueBeforeMs);
    return [lane, part];
  });
}

async function claimRetries(
  session: WriteSession,
  lane: Asked,
  fromMs: number,
  dueBeforeMs: number,
): Promise<LanePart> {
  const { due, nextDueAtMs } = await dueRetries(session, lane, fromMs, dueBeforeMs);
  const taken = await take(
    session,
    due.map((each) => ({ ...each, tenantNo: lane.tenantNo })),
  );
  // In their order. Another may have taken, or canceled, one that was just found.
  const deliveries = due.flatMap(({ key }) => taken.get(nameOf(key)) ?? []);
  return { deliveries, nextDueAtMs, ...ALL_LOOKED_AT };
}

function sizeOf(list: readonly unknown[] = []): number {
  return list.length;
}

/** What a lane without order gets, in the order in which it came due. */
function partOf(
  { limit }: Asked,
  given: readonly Taken[] = [],
  claimed: readonly Taken[] = [],
  nextMs: number | null = null,
  nowMs: number,
): LanePart {
  const own = given.slice(0, limit - claimed.length);
  const mayHaveMore = own.length < given.length || given.length === limit;
  return {
    deliveries: [...own, ...claimed].toSorted(byDue).map(({ delivery }) => delivery),
    nextDueAtMs: mayHaveMore ? nowMs : nextMs,
    ...ALL_LOOKED_AT,
    ...positionOf(own),
  };
}

async function claimOrdered(
  session: WriteSession,
  lane: Asked,
  given: readonly Taken[] = [],
  dueBeforeMs: number,
): Promise<LanePart> {
  const room = lane.limit - given.length;
  const [oldest] = await oldestDue(session, [{ ...lane, limit: room }], dueBeforeMs, true);
  const unordered = [...(oldest?.others ?? []), ...(oldest?.retries ?? [])]
    .toSorted(byDue)
    .slice(0, room);
  const { due: heads, ...rest } = await orderedHeads(
    session,
    lane,
    dueBeforeMs,
    room - unordered.length,
  );
  const wanted = [...unordered, ...heads].map(({ key, claimant }) => {
    return { key, claimant, tenantNo: lane.tenantNo };
  });
  const taken = await take(session, wanted);
  const laterMs = await laterWithoutKey(session, lane, dueBeforeMs);
  const nextMs = Math.min(rest.nextDueAtMs ?? Infinity, ...laterMs);
  const nextDueAtMs = given.length === lane.limit ? dueBeforeMs : nextMs;
  const claimed = wanted.flatMap(({ key }) => taken.get(nameOf(key)) ?? []);
  return {
    deliveries: [...given.map(({ delivery }) => delivery), ...claimed],
    ...rest,
    nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs,
    ...positionOf(given),
  };
}

/** When those come due; where too many others are before them, when to look again. */
async function laterWithoutKey(
  session: WriteSession,
  { tenantNo, destinationNo, openSpan }: Lane,
  dueBeforeMs: number,
): Promise<number[]> {
  const values = [tenantNo, destinationNo, dueBeforeMs, ...openSpan];
  const rows = await byClaimants(session, [LATER_WITHOUT_KEY, LATER_OF_READ], ...values);
  return rows.flatMap((row) => {
    if (row['first'] !== null) return [Number(row['first'])];
    return row['looked'] === MAX_UNORDERED ? [Number(row['last'])] : [];
  });
}

/** Those that it could have, by name: another may have taken, or canceled, what was found a moment before. */
async function take(
  session: WriteSession,
  due: readonly (Pick<Due, 'key' | 'claimant'> & { readonly tenantNo: number })[],
): Promise<Map<string, ClaimedDelivery>> {
  const taken = new Map<string, ClaimedDelivery>();
  for (const { key, tenantNo } of due) session.memory.eventTenants.note(key.seq, tenantNo);
  const groups = byTenant(session, due, tenantOf).flatMap((part) =>
    byDay(part, ({ key }) => key.seq).map((group) => {
      const seqs = group.map(({ key }) => key.seq);
      const values = [
        session.incarnation,
        bigints(group.map(tenantOf)),
        bigints(seqs),
        integers(group.map(({ key }) => key.ordinal)),
        bigints(group.map(({ claimant }) => claimant)),
        ...spanOf(seqs),
      ];
      return session.rows(...about(session, [CLAIM, CLAIM_OF_ONE], group[0]?.tenantNo, ...values));
    }),
  );
  for (const row of (await Promise.all(groups)).flat())
    taken.set(nameOf(keyOf(row)), claimedDelivery(session, row));
  return taken;
}

export const release: Operation<Storage['release'], WriteSession> = async (
  session,
  { deliveries },
) => {
  const tenants = await session.memory.eventTenants.of(session, deliveries.map(seqOf));
  const nowMs = session.clock.nowMs();
  // Where the event is gone, there is nothing to release.
  const known = deliveries.flatMap(({ seq, ordinal }, place) => {
    const tenantNo = tenants[place] ?? null;
    return tenantNo === null ? [] : [{ seq, ordinal, tenantNo }];
  });
  for (const part of byTenant(session, known, tenantOf))
    for (const group of byDay(part, seqOf)) {
      const seqs = group.map(seqOf);
      const ordinals = group.map(({ ordinal }) => ordinal);
      const who = [nowMs, session.incarnation] as const;
      const which = [seqs, ordinals, group.map(tenantOf), ...spanOf(seqs)] as const;
      const values = [...who, ...which, session.retryLine];
      await session.run(
        ...about(session, [RELEASE, RELEASE_OF_ONE], group[0]?.tenantNo, ...values),
      );
    }
};

function tenantOf({ tenantNo }: { readonly tenantNo: number }): number {
  return tenantNo;
}

function seqOf({ seq }: DeliveryKey): number {
  return seq;
}

function nameOf({ seq, ordinal }: DeliveryKey): string {
  return `${seq}/${ordinal}`;
}
