/** Partitions by day: made ahead and on demand, dropped as a whole, and never with what is not over. */
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';

import { ingestedAtMs, seqAtMs } from '../../src/domain/event.ts';
import { DAY_US, dayOf } from '../../src/storage/postgres/days.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { schemaOfVersion } from '../support/postgres-older-schema.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import {
  ALL_EVENTS,
  attemptOf,
  attemptsOf,
  claim,
  deliveryAt,
  eventFor,
  failureOf,
  outcomesOf,
  publish,
  rollUpAll,
  seedTenant,
} from '../support/storage-fixtures.ts';

const DAY_MS = DAY_US / 1000;
const TABLES = ['events', 'deliveries', 'attempts'] as const;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('days of PostgreSQL', () => {
  const server = usePostgresServer();

  async function withSchema(
    test: (storage: Storage, schema: string, url: string) => Promise<void>,
  ): Promise<void> {
    const url = await server.createSchema();
    const storage = await openPostgresStorage({ url });
    try {
      await test(storage, schemaOf(url), url);
    } finally {
      await storage.close();
      await server.dropSchema(url);
    }
  }

  /** Numbers go on at noon, so many days after today: as if the clock of the database had. */
  async function goTo(schema: string, days: number): Promise<void> {
    await server.query(`
      UPDATE ${schema}.numbers
      SET last_seq = (floor(extract(epoch FROM clock_timestamp()) / 86400) + ${days} + 0.5) * ${DAY_US}`);
  }

  async function partitionsOf(schema: string, table: string): Promise<string[]> {
    const rows = await server.query(`
      SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      WHERE inhparent = '${schema}.${table}'::regclass ORDER BY relname`);
    return rows.map(({ relname }) => String(relname));
  }

  /** What was sent to the server meanwhile that deletes rows of the three tables. */
  async function deletesDuring(work: () => Promise<unknown>): Promise<string[]> {
    const asked = vi.spyOn(pg.Client.prototype, 'query');
    await work();
    const texts = asked.mock.calls.map(([query]: readonly unknown[]) =>
      typeof query === 'object' && query !== null && 'text' in query ? query.text : query,
    );
    asked.mockRestore();
    expect(texts.some((text) => String(text).includes('end_days'))).toBe(true);
    return texts
      .map(String)
      .filter((text) => /DELETE FROM (?:events|deliveries|attempts)\b/.test(text));
  }

  function nameOf(table: string, seq: number): string {
    const day = new Date(ingestedAtMs(seq)).toISOString().slice(0, 10);
    return `${table}_${day.replaceAll('-', '')}`;
  }

  /** Whole days before that of the number; gives about how many events were dropped. */
  async function pruneDaysBefore(storage: Storage, seq: number): Promise<number> {
    await rollUpAll(storage);
    // Not the beginning of a day: the driver may keep the day in which it lies.
    const query = { beforeMs: ingestedAtMs(seq) + DAY_MS / 3, limit: 100, wholeDays: true };
    let events = 0;
    for (let more = true; more;) {
      const slice = await storage.pruneSlice(query);
      events += slice.events;
      more = slice.more;
    }
    return events;
  }

  async function deliveredTo(storage: Storage, tenantId: string, id: string): Promise<number> {
    const seq = await publish(storage, tenantId, { id, toClaimed: ['d'] });
    await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
    return seq;
  }

  it('are made ahead by the node that maintains, and by no other', () =>
    withSchema(async (storage, schema, url) => {
      const today = dayOf(seqAtMs(Date.now()));
      const api = await openPostgresStorage({ url, maintains: false });
      await api.maintain();
      await api.close();
      expect(await partitionsOf(schema, 'events')).toEqual([]);
      await storage.maintain();
      for (const table of TABLES) {
        const names = await partitionsOf(schema, table);
        expect(names.length).toBeGreaterThanOrEqual(4);
        // A test at midnight finds another day begun.
        for (const day of [1, 2, 3]) expect(names).toContain(nameOf(table, (today + day) * DAY_US));
      }
    }));

  it('are made by the publish that needs one: at the first start, and after a long stop', () =>
    withSchema(async (storage, schema, url) => {
      const tenantId = await seedTenant(storage, 'd');
      const first = await deliveredTo(storage, tenantId, 'first');
      await goTo(schema, 40);
      const later = await deliveredTo(storage, tenantId, 'later');
      expect(await partitionsOf(schema, 'attempts')).toEqual(
        [first, later].map((seq) => nameOf('attempts', seq)),
      );
      expect((await storage.eventList(ALL_EVENTS)).rows).toHaveLength(2);
      const other = await openPostgresStorage({ url });
      await publish(other, tenantId);
      await other.close();
    }));

  it('are made once where several nodes publish the first event of a day', () =>
    withSchema(async (storage, schema, url) => {
      const nodes = [storage];
      for (let index = 0; index < 3; index++) nodes.push(await openPostgresStorage({ url }));
      const tenantId = await seedTenant(storage);
      for (const days of [3, 4, 5]) {
        await goTo(schema, days);
        await Promise.all(nodes.map((node) => publish(node, tenantId)));
      }
      expect(await partitionsOf(schema, 'events')).toHaveLength(3);
      await Promise.all(nodes.slice(1).map((node) => node.close()));
    }));

  it('are made again where the transaction that made one was rolled back', () =>
    withSchema(async (storage, schema) => {
      const tenantId = await seedTenant(storage);
      const event = await eventFor(storage, tenantId, { to: ['unknown'] });
      await expect(outcomesOf(storage, event)).rejects.toThrow('unknown');
      expect(await partitionsOf(schema, 'events')).toEqual([]);
      await publish(storage, tenantId);
      expect(await partitionsOf(schema, 'events')).toHaveLength(1);
    }));

  it('are dropped by retention as a whole: no row is deleted', () =>
    withSchema(async (storage, schema) => {
      const tenantId = await seedTenant(storage, 'd');
      const seqs: number[] = [];
      for (const days of [1, 2, 3]) {
        await goTo(schema, days);
        for (let index = 0; index < 5; index++)
          seqs.push(await deliveredTo(storage, tenantId, `${days}/${index}`));
      }
      const last = seqs.at(-1) ?? 0;
      expect(await deletesDuring(() => pruneDaysBefore(storage, last))).toEqual([]);
      for (const table of TABLES)
        expect(await partitionsOf(schema, table)).toEqual([nameOf(table, last)]);
      expect((await storage.eventList(ALL_EVENTS)).rows.map(({ id }) => id)).toEqual([
        '3/0',
        '3/1',
        '3/2',
        '3/3',
        '3/4',
      ]);
      // Their ids are free again, those of the day that is kept are not.
      const [row] = await server.query(
        `SELECT count(*)::integer AS keys FROM ${schema}.event_keys`,
      );
      expect(row?.['keys']).toBe(5);
    }));

  it('keep an id from coming again for as long as its event is there, whatever the day', () =>
    withSchema(async (storage, schema, url) => {
      const tenantId = await seedTenant(storage);
      const event = await eventFor(storage, tenantId, { id: 'x' });
      await outcomesOf(storage, event);
      await goTo(schema, 20);
      const other = await openPostgresStorage({ url });
      expect(await outcomesOf(other, event)).toMatchObject([{ kind: 'duplicate' }]);
      const outcomes = await Promise.all(
        [storage, other, storage, other].map((node) => outcomesOf(node, { ...event, id: 'y' })),
      );
      expect(
        outcomes
          .flat()
          .map(({ kind }) => kind)
          .toSorted(),
      ).toEqual(['duplicate', 'duplicate', 'duplicate', 'stored']);
      await other.close();
    }));

  it('an id whose event was dropped is free, also before what is left of it is', () =>
    withSchema(async (storage, schema) => {
      const tenantId = await seedTenant(storage);
      const event = await eventFor(storage, tenantId, { id: 'x' });
      const [first] = await outcomesOf(storage, event);
      if (first?.kind !== 'stored') throw new Error('not stored');
      await goTo(schema, 2);
      await rollUpAll(storage);
      const beforeMs = (dayOf(first.seq) + 1) * DAY_MS;
      expect(await storage.pruneSlice({ beforeMs, limit: 100 })).toMatchObject({ more: true });
      expect(await partitionsOf(schema, 'events')).toEqual([]);
      const again = { ...event, topic: 'other' };
      expect(await outcomesOf(storage, again)).toMatchObject([{ kind: 'stored' }]);
      expect(await outcomesOf(storage, again)).toMatchObject([{ kind: 'duplicate' }]);
      while ((await storage.pruneSlice({ beforeMs, limit: 100 })).more);
      expect(await outcomesOf(storage, again)).toMatchObject([{ kind: 'duplicate' }]);
    }));

  it('leave what is not over behind when they are dropped: pending, held by its key, not counted', () =>
    withSchema(async (storage, schema) => {
      const tenantId = await seedTenant(storage, 'd');
      await goTo(schema, 1);
      for (let index = 0; index < 5; index++) await deliveredTo(storage, tenantId, `over-${index}`);
      const pending = await publish(storage, tenantId, { id: 'pending', toClaimed: ['d'] });
      const retried = { seq: pending, ordinal: 0 };
      await storage.record({
        attempts: [failureOf(retried, { status: 'pending', nextAttemptAtMs: 1 })],
      });
      const ordered = await eventFor(storage, tenantId, {
        id: 'holds',
        orderKey: 'k',
        destinations: [{ id: 'd', claimed: true, order: 'key' }],
      });
      const [held] = await outcomesOf(storage, ordered);
      if (held?.kind !== 'stored') throw new Error('not stored');
      const holding = { seq: held.seq, ordinal: 0 };
      await storage.record({ attempts: [failureOf(holding, { status: 'failed', holds: true })] });
      await goTo(schema, 3);
      const last = await deliveredTo(storage, tenantId, 'last');
      expect(await deletesDuring(() => pruneDaysBefore(storage, last))).toEqual([]);
      expect((await storage.eventList(ALL_EVENTS)).rows.map(({ id }) => id)).toEqual([
        'pending',
        'holds',
        'last',
      ]);
      expect(await attemptsOf(storage, retried)).toHaveLength(1);
      expect((await deliveryAt(storage, held.seq)).status).toBe('failed');
      expect(await outcomesOf(storage, ordered)).toMatchObject([{ kind: 'duplicate' }]);

      // It goes on being tried, and goes with the next round when it is over.
      await storage.maintain();
      const claimed = await claim(storage, { tenantId, destinationId: 'd', dueBeforeMs: 1 });
      expect(claimed.deliveries.map(({ key }) => key)).toEqual([retried]);
      await storage.record({ attempts: [attemptOf(retried, { number: 2, kind: 'retry' })] });
      await storage.cancel({ delivery: holding, nowMs: 1 });
      expect(await deletesDuring(() => pruneDaysBefore(storage, last))).toEqual([]);
      expect(await partitionsOf(schema, 'events')).toEqual([nameOf('events', last)]);
    }));

  it('stay where too much of them is not over: what is, is deleted around it', () =>
    withSchema(async (storage, schema) => {
      const tenantId = await seedTenant(storage, 'd');
      await goTo(schema, 1);
      const waiting = await eventFor(storage, tenantId, { to: ['d'] });
      const [oldest] = await outcomesOf(storage, ...Array.from({ length: 1001 }, () => waiting));
      for (let index = 0; index < 3; index++) await deliveredTo(storage, tenantId, `over-${index}`);
      await goTo(schema, 3);
      const last = await deliveredTo(storage, tenantId, 'last');
      expect(await pruneDaysBefore(storage, last)).toBe(3);
      const [row] = await server.query(`SELECT count(*)::integer AS events FROM ${schema}.events`);
      expect(row?.['events']).toBe(1002);
      if (oldest?.kind !== 'stored') throw new Error('not stored');
      expect((await deliveryAt(storage, oldest.seq)).status).toBe('pending');
    }));

  it('are kept while somebody reads for long, and dropped later', () =>
    withSchema(async (storage, schema, url) => {
      const tenantId = await seedTenant(storage, 'd');
      const old = await deliveredTo(storage, tenantId, 'old');
      await goTo(schema, 2);
      const last = await deliveredTo(storage, tenantId, 'last');
      const reader = new pg.Client({ connectionString: url });
      await reader.connect();
      await reader.query('BEGIN; SELECT * FROM events');
      await pruneDaysBefore(storage, last);
      expect(await partitionsOf(schema, 'events')).toContain(nameOf('events', old));
      await reader.query('COMMIT');
      await reader.end();
      await pruneDaysBefore(storage, last);
      expect(await partitionsOf(schema, 'events')).toEqual([nameOf('events', last)]);
    }));

  it('that are done are not looked at for what is owed, until something of them is due again', () =>
    withSchema(async (storage, schema, url) => {
      const openDay = async () => {
        const [row] = await server.query(`SELECT open_seq FROM ${schema}.numbers`);
        return dayOf(Number(row?.['open_seq']));
      };
      // It looks at most once a minute: each time is that of a server that starts.
      const maintain = async () => {
        const next = await openPostgresStorage({ url });
        await next.maintain();
        await next.close();
      };
      const tenantId = await seedTenant(storage, 'd');
      await goTo(schema, 1);
      const old = await deliveredTo(storage, tenantId, 'old');
      await goTo(schema, 2);
      const waiting = await publish(storage, tenantId, { to: ['d'] });
      await goTo(schema, 3);
      const last = await deliveredTo(storage, tenantId, 'last');
      await maintain();
      expect(await openDay()).toBe(dayOf(waiting));
      await storage.cancel({ delivery: { seq: waiting, ordinal: 0 }, nowMs: 1 });
      await maintain();
      expect(await openDay()).toBe(dayOf(last));

      const again = { tenantId, eventSeq: old, destinationId: 'd', nowMs: 1 };
      expect(await storage.retryByHand(again)).toBe('due');
      expect(await openDay()).toBe(dayOf(old));
      await maintain();
      expect(await openDay()).toBe(dayOf(old));
      const lanes = await storage.waitingLanes();
      expect(lanes.map(({ destinationId }) => destinationId)).toEqual(['d']);
      const { deliveries } = await claim(storage, { tenantId, destinationId: 'd', dueBeforeMs: 1 });
      expect(deliveries.map(({ key }) => key.seq)).toEqual([old]);
    }));

  it('begin where a schema of before ends: what it has stays, and goes row by row', async () => {
    const url = await server.createSchema();
    const schema = schemaOf(url);
    await server.query(`SET search_path = ${schema}; ${schemaOfVersion(2)}; RESET search_path`);
    const oldSeq = seqAtMs(Date.now()) - 2 * DAY_US;
    await server.query(`
      INSERT INTO ${schema}.tenants (id, metadata, settings, routing_version, created_ms, updated_ms)
      VALUES ('t', '{}', '{}', 1, 1, 1)`);
    await server.query(`
      INSERT INTO ${schema}.events (tenant_no, seq, id, topic, time_ms, eligible_for_retry, test, data)
      SELECT 1, ${oldSeq} + n, 'id-' || n, 'a', 1, true, false, 'x' FROM generate_series(1, 3) AS n`);
    await server.query(`UPDATE ${schema}.numbers SET last_seq = ${oldSeq + 3}`);
    await server.query(`UPDATE ${schema}.rollup_progress SET from_seq = ${oldSeq + 3}`);

    const storage = await openPostgresStorage({ url });
    await storage.maintain();
    expect((await storage.eventGet({ id: 'id-2', tenantId: 't' })).map(({ seq }) => seq)).toEqual([
      oldSeq + 2,
    ]);
    const event = await eventFor(storage, 't', { id: 'id-1' });
    expect(await outcomesOf(storage, event)).toMatchObject([{ kind: 'conflict' }]);
    await publish(storage, 't', { id: 'new' });
    const beforeMs = ingestedAtMs(oldSeq) + DAY_MS;
    while ((await storage.pruneSlice({ beforeMs, limit: 2, wholeDays: true })).more);
    expect((await storage.eventList(ALL_EVENTS)).rows.map(({ id }) => id)).toEqual(['new']);
    await storage.close();
    await server.dropSchema(url);
  });

  it('refuse to begin while a server of before runs', async () => {
    const url = await server.createSchema();
    const schema = schemaOf(url);
    await server.query(`SET search_path = ${schema}; ${schemaOfVersion(2)}; RESET search_path`);
    await server.query(
      `INSERT INTO ${schema}.nodes (lease_until) VALUES (clock_timestamp() + interval '1 minute')`,
    );
    await expect(openPostgresStorage({ url })).rejects.toThrow('stop all of them');
    await server.dropSchema(url);
  });
});
