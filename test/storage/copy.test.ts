/** A copy from SQLite to PostgreSQL: everything arrives, whenever it is cut off; what it must not touch, it refuses. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { NEW_HEALTH } from '../../src/domain/health.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { CLIENT_AUTHS } from '../../src/domain/subscription.ts';
import type { TopicEntry } from '../../src/domain/topic-catalogue.ts';
import { copyAll } from '../../src/storage/copy.ts';
import { COPIED_META, COPY_TABLE_NAMES } from '../../src/storage/copy-tables.ts';
import type { CopyTable } from '../../src/storage/copy-tables.ts';
import type { CopySource, CopyTarget } from '../../src/storage/copying.ts';
import { openCopyTarget } from '../../src/storage/postgres/copy-target.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { openCopySource } from '../../src/storage/sqlite/copy-source.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { AUTHOR, fillTenant } from '../support/storage-erase.ts';
import {
  ALL_EVENTS,
  auditEntryOf,
  destinationOf,
  publish,
  rollUpAll,
} from '../support/storage-fixtures.ts';
import { temporaryDirectory } from '../support/storage-sqlite.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const TENANTS = ['one', 'two', 'three', 'four'];
/** Of which something is left, but no tenant. */
const ERASED = ['three', 'four'];
/** More than two batches. */
const AUDIT_ENTRIES = 2100;
const MORE_AUDIT = `
  WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < ${AUDIT_ENTRIES})
  INSERT INTO audit (time_ms, actor_kind, actor_name, action, resource_kind, resource_id, address, request_id)
  SELECT n, 'operator', 'n', 'tenant.updated', 'tenant', 't', '127.0.0.1', 'req' FROM more`;
/** Each is more than half of what a batch holds. */
const LARGE_EVENTS = 3;
const LARGE_BYTES = 1_500_000;

const TOPIC: TopicEntry = {
  name: 'room.created',
  description: 'A room is there.',
  schema: { type: 'object' },
  sample: {},
  deprecated: false,
  enforcement: 'warn',
};

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)(`copy${reason === null ? '' : `: ${reason}`}`, () => {
  const server = usePostgresServer();
  const directory = temporaryDirectory();
  const path = join(directory, 'filled.db');
  beforeAll(async () => {
    await withFile(path, fill);
    const database = openInlineDatabase({ path, maxBytes: null });
    database.db.exec(MORE_AUDIT);
    database.close();
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('brings every row of every table', () =>
    withSource(path, async (source) => {
      const url = await server.createSchema();
      // Servers have run on it, and said things to themselves.
      await (await openPostgresStorage({ url })).close();
      await server.query(`INSERT INTO ${schemaOf(url)}.meta (name, value) VALUES ('own', '1')`);
      expect(await copyTo(url, source)).toBe(true);
      for (const table of COPY_TABLE_NAMES) {
        const found = await server.query(`SELECT count(*) FROM ${schemaOf(url)}.${table}`);
        // With the mark of the copy, and what servers have said to themselves: that one, and that they take publishes.
        const rows = source.count(table) + (table === 'meta' ? 3 : 0);
        expect({ table, rows: Number(found[0]?.['count']) }).toEqual({ table, rows });
        expect({ table, isFilled: rows > 0 }).toEqual({ table, isFilled: true });
      }
      // Looked at beside the checksums: bytes, flags, words, and texts that no text of PostgreSQL can hold.
      const db = new DatabaseSync(path, { readOnly: true });
      const wanted = db
        .prepare('SELECT seq, lower(hex(data)) AS data, test, id FROM events ORDER BY seq')
        .all();
      const meta = db.prepare('SELECT name FROM meta').all();
      db.close();
      expect(new Set(meta.map(({ name }) => name))).toEqual(
        // Numbers go on after `asked_seq` without it.
        new Set([...COPIED_META, 'incarnation', 'asked_seq']),
      );
      const events = await server.query(
        `SELECT seq::float AS seq, encode(data, 'hex') AS data, test::integer AS test, id
         FROM ${schemaOf(url)}.events ORDER BY seq`,
      );
      expect(events).toEqual(wanted.map((row) => Object.assign({}, row)));
      const versions = await server.query(
        `SELECT value FROM ${schemaOf(url)}.meta WHERE name LIKE '%_version'`,
      );
      expect(versions).toHaveLength(3);
      for (const { value } of versions) expect(value).toMatch(/^\d+$/);
      const destinations = await server.query(
        `SELECT id, topics, api_client FROM ${schemaOf(url)}.destinations WHERE id IN ('named', 'gone-one')`,
      );
      expect(destinations).toContainEqual({
        id: 'named',
        topics: ['room.created', 'a.*'],
        api_client: 'urn-one',
      });
      expect(destinations).toContainEqual({ id: 'gone-one', topics: [], api_client: null });
      const entries = await server.query(
        `SELECT actor_name FROM ${schemaOf(url)}.audit WHERE request_id = 'nul'`,
      );
      expect(entries).toEqual([{ actor_name: 'a\ufffdb' }]);
      expect(await copyTo(url, source)).toBe(false);
    }));

  it('numbers anew after all that were ever given out, whatever the clock of the server says', async () => {
    const url = await server.createSchema();
    const lastSeq = await withSource(path, async (source) => {
      await copyTo(url, source);
      return source.lastSeq;
    });
    const storage = await openPostgresStorage({ url });
    await storage.tenantUpsert({ id: 'new', metadata: {} });
    const [row] = await server.query(`SELECT no FROM ${schemaOf(url)}.tenants WHERE id = 'new'`);
    // The last ones of them were deleted.
    expect(Number(row?.['no'])).toBe(TENANTS.length + 1);
    // The file was written by a clock that was a day ahead.
    expect(lastSeq).toBeGreaterThan((systemClock.nowMs() + DAY_MS / 2) * 1000);
    expect(await publish(storage, 'new')).toBeGreaterThan(lastSeq);
    await storage.close();
  });

  it('leaves nothing claimed: what was in the memory of a server is there for the next', async () => {
    const url = await server.createSchema();
    await withSource(path, (source) => copyTo(url, source));
    const storage = await openPostgresStorage({ url });
    const lanes = [{ tenantId: 'tenant-one', destinationId: 'named', limit: 10 }];
    const [lane] = await storage.claim({ lanes, dueBeforeMs: systemClock.nowMs() + 2 * DAY_MS });
    expect(lane?.deliveries).toHaveLength(LARGE_EVENTS);
    await storage.close();
  });

  it('goes on where it was, cut off before or after any of its steps', () =>
    withSource(path, async (source) => {
      const url = await server.createSchema();
      const written = new Map<CopyTable, number>();
      let cuts = 0;
      for (let isDone = false; !isDone; cuts++) {
        const target = await openCopyTarget({ url, isDryRun: false });
        const cut = cutAfterOne(target, cuts % 2 === 0, written);
        isDone = await copyAll(source, cut, () => undefined).catch((error: unknown) => {
          if (error instanceof Cut) return false;
          throw error;
        });
        await target.close();
        if (!isDone)
          await expect(openPostgresStorage({ url })).rejects.toThrow(/not all are there/);
      }
      expect(cuts).toBeGreaterThan(COPY_TABLE_NAMES.length);
      // No row came twice, and none that was there was read again.
      for (const table of COPY_TABLE_NAMES) expect(written.get(table)).toBe(source.count(table));
      const storage = await openPostgresStorage({ url });
      const large = (await storage.eventList({ ...ALL_EVENTS, destinationId: 'named' })).rows;
      expect(large).toHaveLength(LARGE_EVENTS);
      await storage.close();
    }));

  it('a dry run says what there is, and makes not even the tables', () =>
    withSource(path, async (source) => {
      const url = await server.createSchema();
      const target = await openCopyTarget({ url, isDryRun: true });
      expect(await target.look(source.identity)).toEqual({ kind: 'empty' });
      await target.close();
      expect(
        await server.query(`SELECT 1 FROM pg_tables WHERE schemaname = '${schemaOf(url)}'`),
      ).toEqual([]);
    }));

  describe('refuses', () => {
    const refused = (url: string, said: RegExp, from = path) =>
      withSource(from, (source) => expect(copyTo(url, source)).rejects.toThrow(said));

    it('a file that a server has', async () => {
      const held = openInlineDatabase({ path, maxBytes: null });
      expect(() => openCopySource(path)).toThrow(/another process is using/);
      held.close();
    });

    it('a file that is not there, and makes none', () => {
      const missing = join(directory, 'missing', 'angarium.db');
      expect(() => openCopySource(missing)).toThrow(/there is no file/);
      expect(() => openCopySource(missing)).toThrow(/there is no file/);
    });

    it('a file of an older version', () => {
      const old = join(directory, 'old.db');
      const database = openInlineDatabase({ path: old, maxBytes: null });
      openInlineStorage(database, systemClock, systemRandom);
      database.db.exec('PRAGMA user_version = 3');
      database.close();
      expect(() => openCopySource(old)).toThrow(/made by an older version \(schema 3 of \d+\)/);
    });

    it('a target with data of its own', async () => {
      const url = await server.createSchema();
      const storage = await openPostgresStorage({ url });
      await storage.tenantUpsert({ id: 'theirs', metadata: {} });
      await storage.close();
      await refused(url, /has data of its own \(tenants\)/);
      const left = await openPostgresStorage({ url });
      expect(await left.tenantGet({ id: 'theirs' })).not.toBeNull();
      await left.close();
    });

    it('a target that a server uses, but not one on which a server ran and left nothing', async () => {
      const url = await server.createSchema();
      const storage = await openPostgresStorage({ url });
      await refused(url, /a server uses postgres:/);
      await storage.close();
      await withSource(path, async (source) => expect(await copyTo(url, source)).toBe(true));
    });

    it('a target with a copy of another database', async () => {
      const url = await server.createSchema();
      const other = join(directory, 'other.db');
      await withFile(other, (storage) => fillTenant(storage, 'other'));
      await withSource(other, (source) => copyTo(url, source));
      await refused(url, /a copy of another database/);
    });

    it('to go on where a server has run on the source meanwhile', async () => {
      const url = await server.createSchema();
      const moving = join(directory, 'moving.db');
      await withFile(moving, (storage) => fillTenant(storage, 'moving'));
      await withSource(moving, async (source) => {
        const target = await openCopyTarget({ url, isDryRun: false });
        await target.look(source.identity);
        await target.begin(source.identity);
        await target.close();
      });
      await withFile(moving, () => Promise.resolve());
      await refused(url, /a server has run on the source since/, moving);

      const whole = await server.createSchema();
      await withSource(moving, (source) => copyTo(whole, source));
      await withFile(moving, () => Promise.resolve());
      await refused(
        whole,
        /has all of it as it was before a server ran on the source again/,
        moving,
      );
    });

    it('to call a copy done that is not what it was copied from', () =>
      withSource(path, async (source) => {
        const url = await server.createSchema();
        const target = await openCopyTarget({ url, isDryRun: false });
        const spoiling: CopyTarget = {
          ...delegating(target),
          async write(table, rows, progress) {
            await target.write(table, rows, progress);
            if (table === 'attempts')
              await server.query(`UPDATE ${schemaOf(url)}.attempts SET total_us = total_us + 1`);
          },
        };
        await expect(copyAll(source, spoiling, () => undefined)).rejects.toThrow(
          /the copy of attempts is not what it was copied from/,
        );
        await target.close();
        await expect(openPostgresStorage({ url })).rejects.toThrow(/not all are there/);
      }));

    it('a second copy beside the first', () =>
      withSource(path, async (source) => {
        const url = await server.createSchema();
        const first = await openCopyTarget({ url, isDryRun: false });
        const second = await openCopyTarget({ url, isDryRun: false });
        await first.look(source.identity);
        await first.begin(source.identity);
        await second.look(source.identity);
        await first.write('topics', [], { after: null, isWhole: true });
        await expect(second.write('topics', [], { after: null, isWhole: true })).rejects.toThrow(
          /another copy to postgres:.* is under way/,
        );
        await first.close();
        await second.close();
      }));
  });
});

async function copyTo(url: string, source: CopySource): Promise<boolean> {
  const target = await openCopyTarget({ url, isDryRun: false });
  try {
    return await copyAll(source, target, () => undefined);
  } finally {
    await target.close();
  }
}

async function withSource<Result>(
  path: string,
  use: (source: CopySource) => Promise<Result>,
): Promise<Result> {
  const source = openCopySource(path);
  try {
    return await use(source);
  } finally {
    source.close();
  }
}

/** A server's start on the file, by a clock that is a day ahead. */
async function withFile(path: string, use: (storage: Storage) => Promise<void>): Promise<void> {
  const database = openInlineDatabase({ path, maxBytes: null });
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + DAY_MS };
  await use(openInlineStorage(database, clock, systemRandom));
  database.close();
}

/** Something in every table. */
async function fill(storage: Storage): Promise<void> {
  for (const mark of TENANTS) await fillTenant(storage, mark);
  const tenantId = 'tenant-one';
  await storage.destinationInsert({
    destination: destinationOf(tenantId, 'named', {
      topics: ['room.created', 'a.*'],
      subscription: { apiClient: 'urn-one', auth: CLIENT_AUTHS[0], words: null, resource: null },
    }),
    maxPerTenant: 10,
  });
  for (let n = 0; n < LARGE_EVENTS; n++)
    await publish(storage, tenantId, {
      data: Buffer.alloc(LARGE_BYTES, n),
      to: ['named'],
      test: n === 0,
    });
  await storage.healthPut({
    entries: [
      { tenantId, destinationId: 'named', createdAtMs: 1_700_000_000_000, health: NEW_HEALTH },
    ],
  });
  await storage.topicPut({
    topics: [TOPIC],
    maxTopics: 10,
  });
  await storage.keyInsert({
    key: {
      id: 'key_1',
      name: 'a key',
      scope: 'read',
      prefix: 'ank_',
      hash: Buffer.from('hash'),
      revision: 1,
      createdAtMs: 1,
      expiresAtMs: null,
      lastUsedAtMs: null,
      revokedAtMs: null,
    },
    audit: auditEntryOf(),
  });
  await storage.mailRefuse({ tenantId, recipient: 'nobody@example.com' });
  await storage.mailAdd({
    tenantId,
    destinationId: 'named',
    reason: 'failing',
    recipients: ['ops@example.com'],
    item: { id: 'notice', atMs: 1, data: {} },
    nowMs: 1,
    gapMs: 1,
  });
  await rollUpAll(storage);
  const actor = { kind: 'operator', id: null, name: 'a\0b' } as const;
  await storage.auditInsert({ entry: auditEntryOf({ actor, requestId: 'nul' }) });
  for (const mark of ERASED) await storage.tenantDelete({ id: `tenant-${mark}`, author: AUTHOR });
}

/** Cut off on purpose. */
class Cut extends Error {}

/** Writes once, and is cut off with the next step: before it is done, or before the answer to it is heard. */
function cutAfterOne(
  target: CopyTarget,
  isHeard: boolean,
  written: Map<CopyTable, number>,
): CopyTarget {
  let steps = 0;
  return {
    ...delegating(target),
    async write(table, rows, progress) {
      if (isHeard && ++steps > 1) throw new Cut();
      await target.write(table, rows, progress);
      written.set(table, (written.get(table) ?? 0) + rows.length);
      if (!isHeard) throw new Cut();
    },
  };
}

function delegating(target: CopyTarget): CopyTarget {
  return {
    look: (identity) => target.look(identity),
    begin: (identity) => target.begin(identity),
    write: (table, rows, progress) => target.write(table, rows, progress),
    digest: (table) => target.digest(table),
    finish: (source) => target.finish(source),
    close: () => target.close(),
  };
}
