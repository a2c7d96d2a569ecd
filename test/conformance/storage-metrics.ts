/** Metrics and usage: what the roll-ups say is what counting the rows by hand gives, each once, whatever happened between. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bucketStartS } from '../../src/domain/granularity.ts';
import type { Granularity } from '../../src/domain/granularity.ts';
import {
  addLatencies,
  LATENCY_ERROR,
  latencyPercentileMs,
  noLatencies,
} from '../../src/domain/latency-histogram.ts';
import { ATTEMPT_DIMENSIONS, EVENT_DIMENSIONS } from '../../src/domain/metrics.ts';
import type { AttemptDimension, EventDimension } from '../../src/domain/metrics.ts';
import { USAGE_DIMENSIONS } from '../../src/storage/metrics.ts';
import type {
  AttemptMetricsQuery,
  MetricsQuery,
  UsageDimension,
  UsageQuery,
} from '../../src/storage/metrics.ts';
import type { EventRecord, PageRequest, StoredAttempt } from '../../src/storage/reading.ts';
import type { AttemptRecord, Storage } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  ALL_EVENTS,
  attemptOf,
  cancelAll,
  claim,
  clientOf,
  failureOf,
  HOUR_MS,
  insertDestination,
  pruneAll,
  publish,
  rollUpAll,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { momentAfterAll, shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver, StorageUnderTest } from './storage-driver.ts';

/** The last second of a day, so that a few hours around it lie in two days, weeks and months. */
const AROUND_MS = Date.UTC(2024, 5, 30, 23, 59, 59);
const DAY_MS = 24 * HOUR_MS;
const ALWAYS = { fromMs: AROUND_MS - 3 * DAY_MS, toMs: AROUND_MS + 3 * DAY_MS };

const EVERY_ATTEMPT: AttemptMetricsQuery = {
  ...ALWAYS,
  granularity: null,
  dimensions: [],
  filters: {},
  withLatency: false,
};
const EVERY_EVENT: MetricsQuery<EventDimension> = {
  ...ALWAYS,
  granularity: null,
  dimensions: [],
  filters: {},
};

const attemptAt = fc.record({
  ms: fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }),
  totalMs: fc.integer({ min: 0, max: 60_000 }),
  outcome: fc.constantFrom('ok', 'http', 'timeout'),
  manual: fc.boolean(),
});
type AttemptAt = typeof attemptAt extends fc.Arbitrary<infer Value> ? Value : never;

const step = fc.oneof(
  fc.record({
    do: fc.constant('deliver' as const),
    tenant: fc.nat(1),
    to: fc.subarray(['a', 'b'], { minLength: 0 }),
    topic: fc.constantFrom('x', 'y'),
    ms: fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }),
    attempts: fc.array(attemptAt, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    do: fc.constant('count' as const),
    slices: fc.nat(6),
    limit: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ do: fc.constant('crash' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const GRANULARITIES: (Granularity | null)[] = [
  null,
  { count: 5, unit: 'm' },
  { count: 1, unit: 'h' },
  { count: 1, unit: 'd' },
  { count: 1, unit: 'w' },
  { count: 1, unit: 'M' },
];

const question = fc.record({
  granularity: fc.constantFrom(...GRANULARITIES),
  fromMinute: fc.integer({ min: -180, max: 60 }),
  minutes: fc.integer({ min: 1, max: 400 }),
  dimensions: fc.subarray([...ATTEMPT_DIMENSIONS]),
  filters: fc.record(
    {
      destination_id: fc.constantFrom(['a'], ['b', 'nobody']),
      destination_type: fc.constantFrom(['webhook'], ['aws_sqs']),
      topic: fc.constantFrom(['x'], ['x', 'y'], ['nothing']),
      status: fc.constantFrom(['success'], ['failed']),
      code: fc.constantFrom(['200'], ['503', 'timeout']),
      manual: fc.constantFrom(['true'], ['false']),
      attempt_number: fc.constantFrom(['1'], ['2', '3']),
    },
    { requiredKeys: [] },
  ),
});
type Question = typeof question extends fc.Arbitrary<infer Value> ? Value : never;

export function describeMetrics(driver: StorageDriver): void {
  describe('metrics', () => {
    const db = shareDatabase(driver);
    const numRuns = driver.can.restartCheaply ? 60 : 8;

    it('are what the rows say, each counted once, over crashes in the middle of a roll-up', async () => {
      const history = fc.record({
        steps: fc.array(step, { minLength: 3, maxLength: 12 }),
        questions: fc.array(question, { minLength: 3, maxLength: 8 }),
      });
      await fc.assert(
        fc.asyncProperty(history, async ({ steps, questions }) => {
          const tenantIds = [await twoDestinations(db), await twoDestinations(db)];
          for (const each of steps) await carryOut(db, tenantIds, each);
          await rollUpAll(db.storage);
          const { rows: attempts } = await db.storage.attemptList({ ...ALL_ATTEMPTS, tenantIds });
          const { rows: events } = await db.storage.eventList({ ...ALL_EVENTS, tenantIds });
          for (const asked of questions) {
            await expectAttempts(db.storage, tenantIds, asked, attempts);
            await expectEvents(db.storage, tenantIds, asked, events);
          }
          await expectUsage(db.storage, tenantIds, attempts);
        }),
        { numRuns },
      );
    });

    it('tell usage apart by API client, also of destinations that are deleted, page by page', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'own');
      const [one, other] = [`${tenantId}-1`, `${tenantId}-2`];
      for (const urn of [one, other])
        await storage.clientInsert({ client: clientOf(tenantId, urn), maxPerTenant: 10 });
      const destinations = { a: one, b: one, c: other, gone: other };
      for (const [id, apiClient] of Object.entries(destinations)) {
        const subscription = { apiClient, auth: 'none' as const, words: null, resource: null };
        await insertDestination(storage, tenantId, id, { subscription });
      }
      for (const id of ['own', 'a', 'b', 'c', 'gone', 'gone']) {
        const seq = await publish(storage, tenantId, { toClaimed: [id] });
        const attempt = attemptOf({ seq, ordinal: 0 });
        await storage.record({ attempts: [{ ...attempt, startedAtMs: AROUND_MS }] });
      }
      await storage.destinationDelete({ tenantId, id: 'gone' });
      await rollUpAll(storage);
      const rows = async (asked: Partial<UsageQuery>) => {
        const found: (readonly [string | null, number])[] = [];
        let from: PageRequest['from'] = null;
        for (;;) {
          const page = await storage.usageList({
            tenantIds: [tenantId],
            destinationId: null,
            apiClient: null,
            dimension: 'client',
            days: { fromS: 0, toS: ALWAYS.toMs / 1000 },
            page: { limit: 1, order: 'asc', from },
            ...asked,
          });
          for (const row of page.rows)
            found.push([row.apiClient ?? row.destinationId, row.attempts]);
          const last = page.rows.at(-1);
          if (!page.more || last === undefined) return found;
          from = { side: 'after', position: last.position };
        }
      };
      expect(new Map(await rows({}))).toEqual(
        new Map([
          [null, 1],
          [one, 2],
          [other, 3],
        ]),
      );
      expect(await rows({ apiClient: other })).toEqual([[other, 3]]);
      expect(await rows({ dimension: 'tenant' })).toEqual([[null, 6]]);
      const single = await rows({ dimension: 'destination', apiClient: other });
      expect(single).toEqual([
        [other, 1],
        [other, 2],
      ]);
    });

    it('give percentiles that are off by no more than is said', async () => {
      const totals = fc.array(fc.double({ min: 0.2, max: 300_000, noNaN: true }), {
        minLength: 1,
        maxLength: 60,
      });
      await fc.assert(
        fc.asyncProperty(totals, fc.constantFrom(0.5, 0.95, 0.99), async (given, share) => {
          const tenantId = await seedTenant(db.storage, 'd');
          const attempts: AttemptRecord[] = [];
          for (const totalMs of given) {
            const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
            const timings = { ...NO_TIMINGS, totalMs };
            attempts.push(attemptOf({ seq, ordinal: 0 }, { startedAtMs: AROUND_MS, timings }));
          }
          await db.storage.record({ attempts });
          await rollUpAll(db.storage);
          const { rows } = await db.storage.metricsAttempts({
            ...EVERY_ATTEMPT,
            filters: { tenant_id: [tenantId] },
            withLatency: true,
          });
          const counts = noLatencies();
          for (const latencies of rows[0]?.latencies ?? []) addLatencies(counts, latencies);
          const exact =
            given.toSorted((a, b) => a - b)[Math.floor(share * (given.length - 1))] ?? 0;
          const told = latencyPercentileMs(counts, share);
          // A microsecond is what is kept of a time.
          expect(Math.abs(told - exact)).toBeLessThanOrEqual(exact * LATENCY_ERROR + 0.002);
        }),
        { numRuns: 10 },
      );
    });

    it('outlive the events by the hour, and by the minute for as long as is asked for', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        await deliver(own.storage, tenantId, { startedAtMs: AROUND_MS });
        await deliver(own.storage, tenantId, { startedAtMs: AROUND_MS + 60_000 });
        await pruneAll(own.storage, await momentAfterAll(own));
        expect((await own.storage.attemptList(ALL_ATTEMPTS)).rows).toEqual([]);
        const counts = async (changes: Partial<AttemptMetricsQuery>) => {
          const { rows } = await own.storage.metricsAttempts({ ...EVERY_ATTEMPT, ...changes });
          return rows.map(({ count }) => count);
        };
        const minutes: Granularity = { count: 1, unit: 'm' };
        expect(await counts({ granularity: minutes })).toEqual([1, 1]);

        await dropAll(own, { minutesBeforeMs: AROUND_MS + DAY_MS, beforeMs: 0 });
        expect(await counts({ granularity: minutes })).toEqual([]);
        expect(await counts({ granularity: { count: 1, unit: 'h' } })).toEqual([1, 1]);
        // Of an hour without minutes, the whole counts.
        const withinTheHour = { fromMs: AROUND_MS - 60_000, toMs: AROUND_MS - 30_000 };
        expect(await counts(withinTheHour)).toEqual([1]);

        await dropAll(own, { minutesBeforeMs: 0, beforeMs: AROUND_MS + 3 * DAY_MS });
        expect(await counts({ granularity: { count: 1, unit: 'h' } })).toEqual([]);
        expect(await counts({})).toEqual([]);
      });
    });

    it('name a destination that was deleted, for as long as it is counted', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'gone');
        await deliver(own.storage, tenantId, { startedAtMs: AROUND_MS }, 'gone');
        await own.storage.destinationDelete({ tenantId, id: 'gone' });
        await cancelAll(own.storage, own.nowMs());
        await pruneAll(own.storage, await momentAfterAll(own));
        await dropAll(own, { minutesBeforeMs: 0, beforeMs: 0 });
        const { rows } = await own.storage.metricsAttempts({
          ...EVERY_ATTEMPT,
          dimensions: ['destination_id'],
        });
        expect(rows).toMatchObject([{ dimensions: ['gone'], count: 1 }]);
      });
    });

    it('forget a tenant that was deleted, also what was not counted yet', async () => {
      await withDatabase(driver, async (own) => {
        const [gone, kept] = [
          await seedTenant(own.storage, 'd'),
          await seedTenant(own.storage, 'd'),
        ];
        for (const tenantId of [gone, kept])
          await deliver(own.storage, tenantId, { startedAtMs: AROUND_MS });
        await publish(own.storage, gone, { timeMs: own.nowMs() + 40 * DAY_MS });
        await rollUpAll(own.storage);
        for (const tenantId of [gone, kept])
          await deliver(own.storage, tenantId, { startedAtMs: AROUND_MS });
        // Read before, written after the tenant has gone.
        await own.storage.rollUpSlice({ limit: 1 });
        await own.storage.tenantDelete({ id: gone });
        await rollUpAll(own.storage);
        const beforeMs = Math.min(AROUND_MS, own.nowMs()) - DAY_MS;
        await dropAll(own, { minutesBeforeMs: 0, beforeMs });
        const attempts = await own.storage.metricsAttempts(EVERY_ATTEMPT);
        expect(attempts.rows).toMatchObject([{ count: 2 }]);
        const until = { fromMs: 0, toMs: own.nowMs() + 100 * DAY_MS };
        const events = await own.storage.metricsEvents({ ...EVERY_EVENT, ...until });
        expect(events.rows).toMatchObject([{ count: 2 }]);
      });
    });

    it.runIf(driver.can.moveClock)(
      'count what comes after the clock went back and all was dropped',
      async () => {
        await withDatabase(driver, async (own) => {
          const tenantId = await seedTenant(own.storage, 'd');
          await deliver(own.storage, tenantId, { startedAtMs: AROUND_MS });
          await pruneAll(own.storage, await momentAfterAll(own));
          own.moveClock(-HOUR_MS);
          const storage = await own.restart();
          await deliver(storage, tenantId, { startedAtMs: AROUND_MS });
          await rollUpAll(storage);
          const { rows } = await storage.metricsAttempts(EVERY_ATTEMPT);
          expect(rows).toMatchObject([{ count: 2 }]);
        });
      },
    );

    it('leave nothing out where retention would drop it before it is counted', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        await deliver(own.storage, tenantId, { startedAtMs: AROUND_MS });
        const beforeMs = await momentAfterAll(own);
        expect(await own.storage.pruneSlice({ beforeMs, limit: 5 })).toMatchObject({ events: 0 });
        await rollUpAll(own.storage);
        expect(await own.storage.pruneSlice({ beforeMs, limit: 5 })).toMatchObject({ events: 1 });
      });
    });
  });
}

const NO_TIMINGS = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 1 };

async function twoDestinations({ storage }: StorageUnderTest): Promise<string> {
  const tenantId = await seedTenant(storage, 'a');
  await insertDestination(storage, tenantId, 'b', { type: 'aws_sqs' });
  return tenantId;
}

async function deliver(
  storage: Storage,
  tenantId: string,
  changes: Partial<AttemptRecord>,
  to = 'd',
): Promise<void> {
  const seq = await publish(storage, tenantId, { toClaimed: [to] });
  await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 }, changes)] });
}

async function dropAll(
  db: StorageUnderTest,
  until: { minutesBeforeMs: number; beforeMs: number },
): Promise<void> {
  const query = { ...until, nowMs: db.nowMs(), limit: 3 };
  while ((await db.storage.rollUpPruneSlice(query)).more);
}

async function carryOut(
  db: StorageUnderTest,
  tenantIds: readonly string[],
  given: Step,
): Promise<void> {
  switch (given.do) {
    case 'count':
      for (let left = given.slices; left > 0; left--)
        await db.storage.rollUpSlice({ limit: given.limit });
      return;
    case 'crash':
      await db.crash();
      return;
    case 'deliver': {
      const tenantId = tenantIds[given.tenant] ?? '';
      const { topic, to: toClaimed } = given;
      const changes = { topic, toClaimed, timeMs: AROUND_MS + given.ms };
      const seq = await publish(db.storage, tenantId, changes);
      for (const [ordinal, destinationId] of given.to.entries())
        await attemptAll(db.storage, { tenantId, destinationId, seq, ordinal }, given.attempts);
    }
  }
}

/** All but the last fail for now, whatever their code is. */
async function attemptAll(
  storage: Storage,
  at: { tenantId: string; destinationId: string; seq: number; ordinal: number },
  attempts: readonly AttemptAt[],
): Promise<void> {
  for (const [index, given] of attempts.entries()) {
    const isLast = index === attempts.length - 1;
    await storage.record({ attempts: [attemptRecord(at, given, index + 1, isLast)] });
    if (!isLast) await claim(storage, { ...at, dueBeforeMs: 1 });
  }
}

function attemptRecord(
  { seq, ordinal }: { seq: number; ordinal: number },
  { ms, totalMs, outcome, manual }: AttemptAt,
  number: number,
  isLast: boolean,
): AttemptRecord {
  const changes = {
    number,
    kind: manual ? ('manual' as const) : ('retry' as const),
    startedAtMs: AROUND_MS + ms,
    timings: { ...NO_TIMINGS, totalMs },
  };
  const key = { seq, ordinal };
  const again = { status: 'pending', nextAttemptAtMs: 1 } as const;
  const verdict = isLast ? ({ status: 'failed' } as const) : again;
  if (outcome === 'ok') return attemptOf(key, isLast ? changes : { ...changes, verdict });
  return failureOf(
    key,
    verdict,
    outcome === 'http' ? changes : { ...changes, reason: 'timeout', response: null },
  );
}

// ── By hand ──────────────────────────────────────────────────────────────────────────────────────────────────────

const DIMENSION: Record<AttemptDimension, (attempt: StoredAttempt) => string> = {
  tenant_id: ({ tenantId }) => tenantId,
  destination_id: ({ destinationId }) => destinationId,
  destination_type: ({ destinationType }) => destinationType,
  topic: ({ event }) => event?.topic ?? '',
  status: ({ reason }) => (reason === null ? 'success' : 'failed'),
  code: ({ code }) => code,
  manual: ({ kind }) => String(kind === 'manual'),
  attempt_number: ({ number }) => String(number),
};

function rangeOf({ fromMinute, minutes }: Question) {
  const fromMs = Math.floor(AROUND_MS / 60_000) * 60_000 + fromMinute * 60_000;
  return { fromMs, toMs: fromMs + minutes * 60_000 };
}

function bucketOf(granularity: Granularity | null, timeMs: number): number | null {
  return granularity === null ? null : bucketStartS(granularity, Math.floor(timeMs / 1000));
}

async function expectAttempts(
  storage: Storage,
  tenantIds: readonly string[],
  asked: Question,
  attempts: readonly StoredAttempt[],
): Promise<void> {
  const { granularity, dimensions } = asked;
  const range = rangeOf(asked);
  const filters: AttemptMetricsQuery['filters'] = { ...asked.filters, tenant_id: tenantIds };
  const wanted = attempts.filter(
    (attempt) =>
      attempt.startedAtMs >= range.fromMs &&
      attempt.startedAtMs < range.toMs &&
      ATTEMPT_DIMENSIONS.every((name) => filters[name]?.includes(DIMENSION[name](attempt)) ?? true),
  );
  const expected = new Map<string, number[]>();
  for (const attempt of wanted) {
    const values = dimensions.map((name) => DIMENSION[name](attempt));
    const key = JSON.stringify([bucketOf(granularity, attempt.startedAtMs), values]);
    const { reason, number, kind } = attempt;
    const one = [
      1,
      reason === null ? 0 : 1,
      number === 1 ? 1 : 0,
      kind === 'manual' ? 1 : 0,
      number,
    ];
    expected.set(
      key,
      (expected.get(key) ?? [0, 0, 0, 0, 0]).map((sum, at) => sum + (one[at] ?? 0)),
    );
  }
  const query = { ...EVERY_ATTEMPT, ...range, granularity, dimensions, filters, withLatency: true };
  const { rows, truncated } = await storage.metricsAttempts(query);
  expect(truncated).toBe(false);
  const found = rows.map(({ bucketS, dimensions: values, latencies, ...counts }) => {
    const { count, failed, first, manual, numberSum } = counts;
    const histogram = noLatencies();
    for (const each of latencies) addLatencies(histogram, each);
    expect(histogram.reduce((sum, each) => sum + each, 0)).toBe(count);
    return [JSON.stringify([bucketS, values]), [count, failed, first, manual, numberSum]] as const;
  });
  expect(new Map(found)).toEqual(expected);
  expect(found).toHaveLength(expected.size);
}

async function expectEvents(
  storage: Storage,
  tenantIds: readonly string[],
  asked: Question,
  events: readonly EventRecord[],
): Promise<void> {
  const { granularity } = asked;
  const range = rangeOf(asked);
  const dimensions = EVENT_DIMENSIONS.filter((name) => asked.dimensions.includes(name));
  const { topic, destination_id: destinationIds }: AttemptMetricsQuery['filters'] = asked.filters;
  const byDestination = dimensions.includes('destination_id') || destinationIds !== undefined;
  const expected = new Map<string, number>();
  for (const event of events) {
    if (event.timeMs < range.fromMs || event.timeMs >= range.toMs) continue;
    if (topic?.includes(event.topic) === false) continue;
    for (const destination of byDestination ? event.destinationIds : ['']) {
      if (destinationIds?.includes(destination) === false) continue;
      const valueOf = {
        tenant_id: event.tenantId,
        topic: event.topic,
        destination_id: destination,
      };
      const values = dimensions.map((name) => valueOf[name]);
      const key = JSON.stringify([bucketOf(granularity, event.timeMs), values]);
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
  }
  const filters = {
    tenant_id: tenantIds,
    ...(topic === undefined ? {} : { topic }),
    ...(destinationIds === undefined ? {} : { destination_id: destinationIds }),
  };
  const { rows } = await storage.metricsEvents({ ...range, granularity, dimensions, filters });
  const found = rows.map(
    ({ bucketS, dimensions: values, count }) => [JSON.stringify([bucketS, values]), count] as const,
  );
  expect(new Map(found)).toEqual(expected);
}

async function expectUsage(
  storage: Storage,
  tenantIds: readonly string[],
  attempts: readonly StoredAttempt[],
): Promise<void> {
  for (const dimension of USAGE_DIMENSIONS) {
    const expected = new Map<string, number>();
    for (const { startedAtMs, tenantId, destinationId } of attempts) {
      const told = dimension === 'destination' ? destinationId : '';
      const key = `${Math.floor(startedAtMs / DAY_MS)} ${tenantId} ${told}`;
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
    await expectUsageBy(storage, tenantIds, dimension, expected);
  }
}

async function expectUsageBy(
  storage: Storage,
  tenantIds: readonly string[],
  dimension: UsageDimension,
  expected: ReadonlyMap<string, number>,
): Promise<void> {
  const { rows } = await storage.usageList({
    tenantIds,
    destinationId: null,
    apiClient: null,
    dimension,
    days: { fromS: 0, toS: ALWAYS.toMs / 1000 },
    page: { limit: 1000, order: 'asc', from: null },
  });
  const found = rows.map(
    (row) =>
      [`${row.dayS / 86_400} ${row.tenantId} ${row.destinationId ?? ''}`, row.attempts] as const,
  );
  expect(new Map(found)).toEqual(expected);
  expect(found).toHaveLength(expected.size);
}
