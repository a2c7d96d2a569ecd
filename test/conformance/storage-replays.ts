/** Replays: what they select, what they make due, and how what becomes of it is counted. */
import { describe, expect, it } from 'vitest';

import { SCHEDULE_OVER } from '../../src/domain/delivery.ts';
import type { ReplayCriteria } from '../../src/domain/replay.ts';
import type { CandidateQuery, ReplayRecord } from '../../src/storage/replaying.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  HOUR_MS,
  attemptOf,
  auditEntryOf,
  claim,
  deliveriesOf,
  deliveryAt,
  failureOf,
  insertDestination,
  jsonBytes,
  pruneAll,
  publish,
  seedTenant,
  switchDestination,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

const ALL: ReplayCriteria = {
  select: 'all',
  time: { fromMs: null, toMs: null },
  topics: [],
  filter: null,
  order: 'time',
};

let lastReplay = 0;

async function insert(
  storage: Storage,
  tenantId: string,
  { destinationId = 'd', criteria = ALL, maxOpen = 10 } = {},
): Promise<string> {
  const id = `rpl_${++lastReplay}`;
  const replay = {
    id,
    tenantId,
    destinationId,
    criteria,
    ratePerMinute: 60,
    count: 3,
    createdBy: 'somebody',
    createdAtMs: 1_700_000_000_000,
  };
  expect(await storage.replayInsert({ replay, maxOpen })).toBe('inserted');
  return id;
}

async function get(storage: Storage, id: string): Promise<ReplayRecord> {
  const replay = await storage.replayGet({ id });
  if (replay === null) throw new Error(`there is no replay ${id}`);
  return replay;
}

/** The whole way: what is there goes out in one slice. */
async function advance(storage: Storage, id: string, nowMs: number) {
  const replay = await get(storage, id);
  const candidates = await storage.replayCandidates(queryOf(replay));
  const deliveries = candidates.flatMap(({ seq, deliveries: found }) => {
    const ids = found.map(({ destinationId }) => destinationId);
    const wanted = ids.length === 0 && replay.destinationId !== null ? [replay.destinationId] : ids;
    return wanted.map((destinationId) => ({
      eventSeq: seq,
      destinationId,
      order: 'none' as const,
    }));
  });
  const to = candidates.at(-1)?.position ?? replay.readTo;
  return storage.replayAdvance({ id, from: replay.readTo, to, isEnd: true, deliveries, nowMs });
}

function queryOf({
  tenantId,
  destinationId,
  criteria,
  belowSeq,
  readTo,
}: ReplayRecord): CandidateQuery {
  return {
    ...criteria,
    tenantId,
    destinationId,
    belowSeq,
    after: readTo,
    limit: 1000,
    withData: false,
  };
}

export function describeReplays(driver: StorageDriver): void {
  describe('replayInsert', () => {
    const db = shareDatabase(driver);

    it('keeps what it is told, and begins as running', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const criteria = {
        ...ALL,
        select: 'failed',
        time: { fromMs: 1, toMs: 2 },
        topics: ['a.*'],
        filter: '{"data":{"n":1}}',
        order: 'number',
      } as const;
      const id = await insert(db.storage, tenantId, { criteria });
      expect(await get(db.storage, id)).toMatchObject({
        id,
        tenantId,
        destinationId: 'd',
        criteria,
        ratePerMinute: 60,
        count: 3,
        createdBy: 'somebody',
        createdAtMs: 1_700_000_000_000,
        status: 'running',
        reason: null,
        readTo: null,
        isRead: false,
        pending: 0,
        done: 0,
        failed: 0,
        canceled: 0,
        endedAtMs: null,
      });
    });

    it('knows no strange tenant or destination, and keeps to its bound', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      const id = await insert(storage, tenantId);
      const replay = await get(storage, id);
      const again = (changes: object, maxOpen = 10) =>
        storage.replayInsert({ replay: { ...replay, id: 'rpl_new', ...changes }, maxOpen });
      expect(await again({ tenantId: 'nobody' })).toBe('unknown_tenant');
      expect(await again({ destinationId: 'none' })).toBe('unknown_destination');
      expect(await again({}, 1)).toBe('too_many');
      await storage.replayChange({ id, trigger: 'pause', nowMs: 1 });
      expect(await again({}, 1)).toBe('too_many');
      await storage.replayChange({ id, trigger: 'cancel', nowMs: 1 });
      expect(await again({}, 1)).toBe('inserted');
    });

    it('writes its entry of the audit log only with it', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const replay = await get(db.storage, await insert(db.storage, tenantId));
      const audit = auditEntryOf({ tenantId, action: 'replay.created' });
      const entries = async () => {
        const query = { tenantIds: [tenantId], actorIds: [], actions: [], resourceIds: [] };
        const time = { fromMs: null, toMs: null };
        const page = { limit: 10, order: 'asc', from: null } as const;
        return (await db.storage.auditList({ ...query, time, page })).rows.length;
      };
      const again = { ...replay, id: `${replay.id}x` };
      await db.storage.replayInsert({ replay: again, maxOpen: 1, audit });
      expect(await entries()).toBe(0);
      await db.storage.replayInsert({ replay: again, maxOpen: 9, audit });
      expect(await entries()).toBe(1);
    });
  });

  describe('replayCandidates', () => {
    const db = shareDatabase(driver);

    /** An event in each status, one that the destination never had, and what each selection takes of them. */
    async function oneOfEach() {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd', 'other');
      const make = (to: readonly string[]) => publish(storage, tenantId, { toClaimed: to });
      const delivered = await make(['d']);
      await storage.record({ attempts: [attemptOf({ seq: delivered, ordinal: 0 })] });
      const failed = await make(['d']);
      const failure = failureOf({ seq: failed, ordinal: 0 }, { status: 'failed' });
      await storage.record({ attempts: [failure] });
      const canceled = await make(['d']);
      await storage.cancel({ delivery: { seq: canceled, ordinal: 0 }, nowMs: db.nowMs() });
      const pending = await make(['d']);
      const never = await make(['other']);
      return { tenantId, delivered, failed, canceled, pending, never };
    }

    const query = (tenantId: string, changes: Partial<CandidateQuery> = {}): CandidateQuery => ({
      ...ALL,
      tenantId,
      destinationId: 'd',
      belowSeq: null,
      after: null,
      limit: 1000,
      withData: false,
      ...changes,
    });
    const seqs = async (asked: CandidateQuery) =>
      (await db.storage.replayCandidates(asked)).map(({ seq }) => seq);

    it('gives what each selection takes, and leaves pending ones alone', async () => {
      const { tenantId, delivered, failed, canceled, never } = await oneOfEach();
      const of = (select: CandidateQuery['select']) => seqs(query(tenantId, { select }));
      expect(await of('all')).toEqual([delivered, failed, canceled, never]);
      expect(await of('failed')).toEqual([failed, canceled]);
      expect(await of('missed')).toEqual([never]);
    });

    it('names the deliveries that it would make due; of all destinations where none is given', async () => {
      const { tenantId, failed } = await oneOfEach();
      const asked = query(tenantId, { select: 'failed', destinationId: null });
      const found = await db.storage.replayCandidates(asked);
      expect(found.find(({ seq }) => seq === failed)?.deliveries).toEqual([
        { destinationId: 'd', status: 'failed' },
      ]);
      const all = await db.storage.replayCandidates(query(tenantId));
      expect(all.map(({ deliveries }) => deliveries.map(({ status }) => status))).toEqual([
        ['delivered'],
        ['failed'],
        ['canceled'],
        [],
      ]);
    });

    it('goes by time or by number, from a position on, within the range and below a number', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      const at = (timeMs: number) => publish(storage, tenantId, { timeMs });
      const third = await at(3000);
      const first = await at(1000);
      const second = await at(2000);
      expect(await seqs(query(tenantId))).toEqual([first, second, third]);
      expect(await seqs(query(tenantId, { order: 'number' }))).toEqual([third, first, second]);
      expect(await seqs(query(tenantId, { limit: 2 }))).toEqual([first, second]);
      expect(await seqs(query(tenantId, { after: [1000, first] }))).toEqual([second, third]);
      expect(await seqs(query(tenantId, { order: 'number', after: [first] }))).toEqual([second]);
      expect(await seqs(query(tenantId, { time: { fromMs: 1001, toMs: 3000 } }))).toEqual([second]);
      expect(await seqs(query(tenantId, { belowSeq: second }))).toEqual([first, third]);
    });

    it('gives the data where they are asked for', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      await publish(db.storage, tenantId, { id: 'mine', data: jsonBytes({ n: 1 }) });
      const [without] = await db.storage.replayCandidates(query(tenantId));
      expect(without).toMatchObject({ id: 'mine', data: null });
      const [found] = await db.storage.replayCandidates(query(tenantId, { withData: true }));
      expect(Buffer.from(found?.data ?? []).toString()).toBe('{"n":1}');
    });
  });

  describe('replayAdvance', () => {
    const db = shareDatabase(driver);
    const later = () => db.nowMs() + HOUR_MS;

    async function delivered(tenantId: string): Promise<number> {
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      await db.storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
      return seq;
    }

    it('makes deliveries due for one attempt that is a replay’s, and creates those that are not there', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd', 'other');
      const had = await delivered(tenantId);
      const never = await publish(storage, tenantId, { to: ['other'] });
      const id = await insert(storage, tenantId);
      const nowMs = later();
      expect(await advance(storage, id, nowMs)).toMatchObject({
        kind: 'advanced',
        due: [
          { seq: had, ordinal: 0 },
          { seq: never, ordinal: 1 },
        ],
        superseded: [],
      });
      expect(await deliveryAt(storage, had)).toMatchObject({
        status: 'pending',
        attempts: 1,
        nextAttemptAtMs: nowMs,
      });
      expect(await deliveriesOf(storage, never)).toMatchObject([
        { destinationId: 'other' },
        { destinationId: 'd', status: 'pending', attempts: 0, createdAtMs: nowMs },
      ]);
      const { deliveries } = await claim(storage, {
        tenantId,
        destinationId: 'd',
        dueBeforeMs: nowMs,
      });
      expect(deliveries).toMatchObject([
        { key: { seq: had }, askedBy: 'replay', step: SCHEDULE_OVER },
        { key: { seq: never }, askedBy: 'replay', step: SCHEDULE_OVER },
      ]);
      expect(await get(storage, id)).toMatchObject({ isRead: true, pending: 2 });
    });

    it('does nothing twice: only from where the replay is, and only while it runs', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      const seq = await delivered(tenantId);
      const id = await insert(storage, tenantId);
      const slice = {
        id,
        from: null,
        to: [1, seq],
        isEnd: false,
        deliveries: [{ eventSeq: seq, destinationId: 'd', order: 'none' as const }],
        nowMs: later(),
      };
      await storage.replayChange({ id, trigger: 'pause', nowMs: 1 });
      expect(await storage.replayAdvance(slice)).toEqual({ kind: 'not_at_position' });
      await storage.replayChange({ id, trigger: 'resume', nowMs: 1 });
      expect(await storage.replayAdvance(slice)).toMatchObject({ kind: 'advanced' });
      expect(await storage.replayAdvance(slice)).toEqual({ kind: 'not_at_position' });
      expect(await get(storage, id)).toMatchObject({ readTo: [1, seq], pending: 1 });
      // It is pending by now: there is nothing to make due.
      const again = await storage.replayAdvance({ ...slice, from: [1, seq] });
      expect(again).toMatchObject({ kind: 'advanced', due: [] });
    });

    it('passes over what is not what it selects any more', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      const seq = await delivered(tenantId);
      for (const select of ['failed', 'missed'] as const) {
        const id = await insert(storage, tenantId, { criteria: { ...ALL, select } });
        const deliveries = [{ eventSeq: seq, destinationId: 'd', order: 'none' as const }];
        const slice = { id, from: null, to: [1], isEnd: true, deliveries, nowMs: later() };
        expect(await storage.replayAdvance(slice)).toMatchObject({ kind: 'advanced', due: [] });
      }
      expect(await deliveryAt(storage, seq)).toMatchObject({ status: 'delivered' });
    });

    it('says when its destination is another by now', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      await delivered(tenantId);
      const id = await insert(storage, tenantId);
      await storage.destinationDelete({ tenantId, id: 'd' });
      await insertDestination(storage, tenantId, 'd');
      expect(await advance(storage, id, later())).toEqual({ kind: 'destination_deleted' });
      await storage.replayStop({ id, reason: 'destination_deleted', nowMs: 7 });
      const stopped = { status: 'stopped', reason: 'destination_deleted', endedAtMs: 7 };
      expect(await get(storage, id)).toMatchObject(stopped);
      expect(await storage.replayChange({ id, trigger: 'resume', nowMs: 8 })).toBe('refused');
    });

    it('makes nothing due for a destination that is disabled', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd', 'e');
      const seq = await delivered(tenantId);
      const id = await insert(storage, tenantId);
      const disabled = { disabledAtMs: db.nowMs(), cancelPending: false };
      await switchDestination(storage, tenantId, 'd', disabled);
      expect(await advance(storage, id, later())).toEqual({ kind: 'destination_disabled' });
      expect(await deliveryAt(storage, seq)).toMatchObject({ status: 'delivered' });
    });

    it.each([
      ['the version that was published later stays', undefined, undefined, 'later'],
      ['a newer version supersedes what waits', { a: 2 }, { a: 1 }, 'replayed'],
    ] as const)('where a destination wants the latest, %s', async (_what, early, late, stays) => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      const version = (clock: { a: number } | undefined) =>
        JSON.stringify({ urn: 'urn:x', ...(clock === undefined ? {} : { vector_clock: clock }) });
      const replayed = await publish(storage, tenantId, { resource: version(early) });
      const order = 'latest' as const;
      const waiting = await publish(storage, tenantId, {
        resource: version(late),
        destinations: [{ id: 'd', claimed: false, order }],
      });
      const id = await insert(storage, tenantId);
      const deliveries = [{ eventSeq: replayed, destinationId: 'd', order }];
      const nowMs = later();
      await storage.replayAdvance({ id, from: null, to: [1], isEnd: true, deliveries, nowMs });
      const lanes = [{ tenantId, destinationId: 'd', limit: 10, isOrdered: true }];
      const [claimed] = await storage.claim({ lanes, dueBeforeMs: nowMs });
      expect(claimed?.deliveries.map(({ key }) => key.seq)).toEqual([
        stays === 'later' ? waiting : replayed,
      ]);
    });

    it('gives ordered deliveries their place among those of their key', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      const orderKey = 'k';
      const early = await publish(storage, tenantId, { orderKey });
      const destinations = [{ id: 'd', claimed: false, order: 'key' as const }];
      const late = await publish(storage, tenantId, { orderKey, destinations });
      const id = await insert(storage, tenantId);
      const deliveries = [{ eventSeq: early, destinationId: 'd', order: 'key' as const }];
      const nowMs = later();
      await storage.replayAdvance({ id, from: null, to: [1], isEnd: true, deliveries, nowMs });
      const lane = { tenantId, destinationId: 'd', limit: 10, isOrdered: true };
      const [claimed] = await storage.claim({ lanes: [lane], dueBeforeMs: nowMs });
      expect(claimed).toMatchObject({
        hasFollowers: true,
        deliveries: [{ key: { seq: early }, orderKey }],
      });
      await storage.record({ attempts: [attemptOf({ seq: early, ordinal: 0 })] });
      const [next] = await storage.claim({ lanes: [lane], dueBeforeMs: nowMs });
      expect(next).toMatchObject({ deliveries: [{ key: { seq: late } }] });
    });
  });

  describe('replaySettle', () => {
    it('counts what has become of each, once, and ends what has nothing left', async () => {
      await withDatabase(driver, async (db) => {
        const { storage } = db;
        const tenantId = await seedTenant(storage, 'd');
        const all: number[] = [];
        for (let index = 0; index < 4; index++) all.push(await publish(storage, tenantId));
        const id = await insert(storage, tenantId);
        const nowMs = db.nowMs();
        await advance(storage, id, nowMs);
        await claim(storage, { tenantId, destinationId: 'd', dueBeforeMs: nowMs });
        const settle = () => storage.replaySettle({ limit: 10, nowMs });
        expect(await settle()).toEqual({ settled: 0, more: false });
        const [one = 0, two = 0, three = 0, four = 0] = all;
        await storage.record({
          attempts: [
            attemptOf({ seq: one, ordinal: 0 }, { kind: 'replay' }),
            failureOf({ seq: two, ordinal: 0 }, { status: 'failed' }, { kind: 'replay' }),
          ],
        });
        await storage.cancel({ delivery: { seq: three, ordinal: 0 }, nowMs });
        expect(await storage.replaySettle({ limit: 2, nowMs })).toEqual({ settled: 2, more: true });
        expect(await settle()).toEqual({ settled: 1, more: false });
        const counted = { done: 1, failed: 1, canceled: 1 };
        expect(await get(storage, id)).toMatchObject({ ...counted, pending: 1, status: 'running' });

        const after = await db.crash();
        expect(await after.replaysOpen()).toMatchObject([{ id, ...counted, pending: 1 }]);
        await claim(after, { tenantId, destinationId: 'd', dueBeforeMs: nowMs });
        await after.record({ attempts: [attemptOf({ seq: four, ordinal: 0 })] });
        expect(await after.replaySettle({ limit: 10, nowMs: nowMs + 1 })).toMatchObject({
          settled: 1,
        });
        expect(await get(after, id)).toMatchObject({
          ...counted,
          done: 2,
          pending: 0,
          status: 'completed',
          endedAtMs: nowMs + 1,
        });
        expect(await after.replaysOpen()).toEqual([]);
        await pruneAll(after, nowMs);
        expect(await after.replayGet({ id })).not.toBeNull();
        await pruneAll(after, nowMs + HOUR_MS);
        expect(await after.replayGet({ id })).toBeNull();
      });
    });

    it('counts for the first replay what a second one takes on', async () => {
      await withDatabase(driver, async (db) => {
        const { storage } = db;
        const nowMs = () => db.nowMs();
        const tenantId = await seedTenant(storage, 'd');
        const seq = await publish(storage, tenantId);
        const first = await insert(storage, tenantId);
        await advance(storage, first, nowMs());
        await claim(storage, { tenantId, destinationId: 'd', dueBeforeMs: nowMs() });
        await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
        const second = await insert(storage, tenantId);
        await advance(storage, second, nowMs());
        expect(await get(storage, first)).toMatchObject({ done: 1, pending: 0 });
        expect(await get(storage, second)).toMatchObject({ done: 0, pending: 1 });
      });
    });
  });
}
