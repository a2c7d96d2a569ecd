/** The write-ahead log: `maintain` keeps it short, whoever writes, and no reader holds up a commit. */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ALL_EVENTS, eventFor, outcomesOf, seedTenant } from '../support/storage-fixtures.ts';
import { temporaryDirectory } from '../support/storage-sqlite.ts';

const MIB = 1024 * 1024;
/** Far more than the log is let grow to, far less than is written. */
const BOUND_BYTES = 80 * MIB;

let directory = '';
let path = '';
let storage: Storage;

beforeEach(async () => {
  directory = temporaryDirectory();
  path = join(directory, 'angarium.db');
  storage = await openSqliteStorage({ path, maxBytes: null });
});

afterEach(async () => {
  await storage.close();
  rmSync(directory, { recursive: true });
});

const logBytes = () => statSync(`${path}-wal`).size;

/** Publishes `mebibytes` MiB, from two publishers side by side. */
async function publishMuch(tenantId: string, mebibytes: number): Promise<void> {
  const event = await eventFor(storage, tenantId, { data: new Uint8Array(MIB / 4) });
  const publisher = async () => {
    for (let index = 0; index < mebibytes / 2; index++)
      await outcomesOf(storage, event, event, event, event);
  };
  await Promise.all([publisher(), publisher()]);
}

/** Maintains, as the engine does now and then, until the work is done. */
async function maintainDuring(work: Promise<void>): Promise<void> {
  const state = { isDone: false };
  const done = work.finally(() => {
    state.isDone = true;
  });
  while (!state.isDone) {
    await storage.maintain();
    await storage.ping();
  }
  await done;
}

describe('the log', () => {
  it('stays short while events are published', async () => {
    const tenantId = await seedTenant(storage);
    await maintainDuring(publishMuch(tenantId, 160));
    expect(logBytes()).toBeLessThan(BOUND_BYTES);
    expect(
      (await storage.eventList({ ...ALL_EVENTS, page: { limit: 1, order: 'desc', from: null } }))
        .more,
    ).toBe(true);
    expect(statSync(path).size).toBeGreaterThan(BOUND_BYTES);
  });

  it('stays short whatever is written', async () => {
    const metadata = { a: 'x'.repeat(MIB) };
    const writer = async () => {
      for (let index = 0; index < 160; index++)
        await storage.tenantUpsert({ id: `t${index % 4}`, metadata });
    };
    await maintainDuring(writer());
    expect(logBytes()).toBeLessThan(BOUND_BYTES);
  });

  it('starts over once nobody reads an old snapshot of it, and until then holds up no commit', async () => {
    const tenantId = await seedTenant(storage);
    await publishMuch(tenantId, 48);
    // All that is in the log can be moved, but what comes next must not overwrite what this one reads.
    const reader = new DatabaseSync(path, { readOnly: true });
    reader.exec('BEGIN');
    const count = () => reader.prepare('SELECT count(*) AS count FROM events').get()?.['count'];
    expect(count()).toBe(192);

    const startedAtMs = performance.now();
    await storage.maintain();
    await publishMuch(tenantId, 2);
    // Waiting for the reader would take no less than the 5 s of the writer's patience.
    expect(performance.now() - startedAtMs).toBeLessThan(5000);
    expect(count()).toBe(192);
    reader.exec('COMMIT');
    expect(count()).toBe(200);

    const frames = () => Number(reader.prepare('PRAGMA wal_checkpoint(NOOP)').get()?.['log']);
    const grown = frames();
    await storage.maintain();
    await publishMuch(tenantId, 2);
    expect(frames()).toBeLessThan(grown / 4);
    reader.close();
  });
});
