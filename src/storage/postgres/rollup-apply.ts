/** Adds the rows of a slice to the tables, in one transaction with how far that came. */
import { MINUTE_S } from '../../domain/granularity.ts';
import { mergeLatencies } from '../../domain/latency-histogram.ts';
import { MAX_TOPICS_TOLD_APART } from '../../domain/metrics.ts';
import type { MetricsStorage } from '../metrics.ts';
import { CUBES } from '../rollup-count.ts';
import type { AttemptRollup, EventRollup } from '../rollup-count.ts';
import type { Operation } from './operation.ts';
import { bytesOf } from './page.ts';
import type { WriteSession } from './write-session.ts';

/** Whoever counts, drops or erases holds it until the commit. */
export const LOCK_PROGRESS =
  'SELECT from_seq, to_seq, after_key, minutes_from_s FROM rollup_progress FOR UPDATE';
const ADVANCE = 'UPDATE rollup_progress SET from_seq = $1, to_seq = $2, after_key = $3';

const ADD_EVENTS = `
  INSERT INTO event_rollups (width_s, start_s, tenant_no, destination_no, topic_no, count)
  SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[])
  ON CONFLICT (tenant_no, width_s, start_s, destination_no, topic_no)
  DO UPDATE SET count = event_rollups.count + excluded.count`;

const ATTEMPT_KEYS = `$1::integer[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[], $7::text[],
  $8::smallint[], $9::smallint[], $10::integer[]`;
const KEY_COLUMNS =
  'width_s, cube, start_s, tenant_no, destination_no, topic_no, code, failed, manual, number';

const LATENCIES = `
  SELECT place, latency
  FROM unnest(${ATTEMPT_KEYS}) WITH ORDINALITY AS new (${KEY_COLUMNS}, place)
  JOIN attempt_rollups USING (${KEY_COLUMNS})`;

// The latencies are those of before and now together; nobody else has added any meanwhile.
const ADD_ATTEMPTS = `
  INSERT INTO attempt_rollups AS before (${KEY_COLUMNS}, count, failed_count, first_count, manual_count, number_sum, latency)
  SELECT * FROM unnest(${ATTEMPT_KEYS}, $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bytea[])
  ON CONFLICT (tenant_no, width_s, cube, start_s, destination_no, topic_no, code, failed, manual, number) DO UPDATE SET
    count = before.count + excluded.count, failed_count = before.failed_count + excluded.failed_count,
    first_count = before.first_count + excluded.first_count, manual_count = before.manual_count + excluded.manual_count,
    number_sum = before.number_sum + excluded.number_sum, latency = excluded.latency`;

const TENANTS = 'SELECT no FROM tenants WHERE no = ANY($1) FOR KEY SHARE';
const TOPICS = 'SELECT no, topic FROM rollup_topics WHERE topic = ANY($1)';
const ADD_TOPICS = `
  INSERT INTO rollup_topics (no, topic)
  SELECT (SELECT max(no) FROM rollup_topics) + place, topic FROM unnest($1::text[]) WITH ORDINALITY AS new (topic, place)
  WHERE (SELECT max(no) FROM rollup_topics) + place <= ${MAX_TOPICS_TOLD_APART}
  RETURNING no, topic`;

export const rollUpSlice: Operation<MetricsStorage['rollUpSlice'], WriteSession> = async (
  session,
  { limit },
) => {
  const progress = (await session.row(LOCK_PROGRESS)) ?? {};
  const slice = await session.memory.rollups.next(session, progress, limit);
  if (slice === null) return { more: false };
  const minutesFromS = Number(progress['minutes_from_s']);
  const all = slice.rows
    .map(({ event, attempt }) => event ?? attempt)
    .filter((row) => row !== null);
  const tenants = await knownTenants(session, all);
  const isWanted = ({ widthS, startS, tenantNo }: EventRollup | AttemptRollup) =>
    // What is still counted of a deleted tenant would be erased by nobody.
    tenants.has(tenantNo) && (widthS !== MINUTE_S || startS >= minutesFromS);
  const events = slice.rows.flatMap(({ event }) => event ?? []).filter(isWanted);
  const attempts = slice.rows.flatMap(({ attempt }) => attempt ?? []).filter(isWanted);
  const topics = await topicNos(session, [
    ...events.map(({ topic }) => topic),
    ...attempts.filter(({ cube }) => cube === CUBES.everything).map(({ topic }) => topic),
  ]);
  await addEvents(session, events, topics);
  await addAttempts(session, attempts, topics);
  const { fromSeq, toSeq, lastKey, isLast } = slice;
  await session.run(ADVANCE, isLast ? toSeq : fromSeq, toSeq, isLast ? '' : lastKey);
  return { more: true };
};

async function knownTenants(
  session: WriteSession,
  rows: readonly { readonly tenantNo: number }[],
): Promise<Set<number>> {
  const nos = [...new Set(rows.map(({ tenantNo }) => tenantNo))];
  return new Set((await session.rows(TENANTS, nos)).map((row) => Number(row['no'])));
}

/** A number for each topic; 0 where there are too many. */
async function topicNos(
  session: WriteSession,
  topics: readonly string[],
): Promise<Map<string, number>> {
  const wanted = [...new Set(topics)];
  const found = new Map<string, number>();
  for (const row of await session.rows(TOPICS, wanted))
    found.set(String(row['topic']), Number(row['no']));
  const missing = wanted.filter((topic) => !found.has(topic));
  if (missing.length > 0) {
    for (const row of await session.rows(ADD_TOPICS, missing))
      found.set(String(row['topic']), Number(row['no']));
  }
  return found;
}

async function addEvents(
  session: WriteSession,
  rows: readonly EventRollup[],
  topics: ReadonlyMap<string, number>,
): Promise<void> {
  if (rows.length === 0) return;
  const merged = new Map<string, { row: EventRollup; topicNo: number; count: number }>();
  for (const row of rows) {
    const topicNo = topics.get(row.topic) ?? 0;
    const key = `${row.widthS} ${row.startS} ${row.tenantNo} ${row.destinationNo} ${topicNo}`;
    const before = merged.get(key);
    if (before === undefined) merged.set(key, { row, topicNo, count: row.count });
    else before.count += row.count;
  }
  const all = [...merged.values()];
  await session.run(
    ADD_EVENTS,
    all.map(({ row }) => row.widthS),
    all.map(({ row }) => row.startS),
    all.map(({ row }) => row.tenantNo),
    all.map(({ row }) => row.destinationNo),
    all.map(({ topicNo }) => topicNo),
    all.map(({ count }) => count),
  );
}

/** One statement cannot write a row twice: topics that are not told apart any more are put together before. */
async function addAttempts(
  session: WriteSession,
  given: readonly AttemptRollup[],
  topics: ReadonlyMap<string, number>,
): Promise<void> {
  if (given.length === 0) return;
  const rows = mergeAttempts(given, topics);
  const keys = [
    rows.map(({ row }) => row.widthS),
    rows.map(({ row }) => row.cube),
    rows.map(({ row }) => row.startS),
    rows.map(({ row }) => row.tenantNo),
    rows.map(({ row }) => row.destinationNo),
    rows.map(({ topicNo }) => topicNo),
    rows.map(({ row }) => row.code),
    rows.map(({ row }) => row.failed),
    rows.map(({ row }) => row.manual),
    rows.map(({ row }) => row.number),
  ] as const;
  const before = new Map(
    (await session.rows(LATENCIES, ...keys)).map((row) => [
      Number(row['place']) - 1,
      bytesOf(row['latency']),
    ]),
  );
  await session.run(
    ADD_ATTEMPTS,
    ...keys,
    rows.map(({ row }) => row.count),
    rows.map(({ row }) => row.failedCount),
    rows.map(({ row }) => row.firstCount),
    rows.map(({ row }) => row.manualCount),
    rows.map(({ row }) => row.numberSum),
    rows.map(({ row }, place) => {
      const known = before.get(place);
      return known === undefined ? row.latency : mergeLatencies(known, row.latency);
    }),
  );
}

function mergeAttempts(
  given: readonly AttemptRollup[],
  topics: ReadonlyMap<string, number>,
): { row: AttemptRollup; topicNo: number }[] {
  const merged = new Map<string, { row: AttemptRollup; topicNo: number }>();
  for (const row of given) {
    const topicNo = row.cube === CUBES.everything ? (topics.get(row.topic) ?? 0) : 0;
    const { widthS, cube, startS, tenantNo, destinationNo, code, failed, manual, number } = row;
    const key = [
      widthS,
      cube,
      startS,
      tenantNo,
      destinationNo,
      topicNo,
      failed,
      manual,
      number,
      code,
    ];
    const name = key.join(' ');
    const before = merged.get(name)?.row;
    merged.set(name, { row: before === undefined ? row : addTogether(before, row), topicNo });
  }
  return [...merged.values()];
}

function addTogether(one: AttemptRollup, other: AttemptRollup): AttemptRollup {
  return {
    ...one,
    count: one.count + other.count,
    failedCount: one.failedCount + other.failedCount,
    firstCount: one.firstCount + other.firstCount,
    manualCount: one.manualCount + other.manualCount,
    numberSum: one.numberSum + other.numberSum,
    latency: mergeLatencies(one.latency, other.latency),
  };
}
