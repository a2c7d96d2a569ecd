/** A full disk: what is refused is not there, what was there stays, and it goes on when there is room. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { StorageUnavailableError } from '../../src/storage/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_EVENTS,
  HOUR_MS,
  attemptOf,
  attemptsOf,
  deliveryAt,
  eventFor,
  outcomesOf,
  pruneAll,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { temporaryDirectory } from '../support/storage-sqlite.ts';

const MAX_BYTES = 1024 * 1024;

let directory = '';
let storage: Storage;

const open = (maxBytes: number) =>
  openSqliteStorage({ path: join(directory, 'angarium.db'), maxBytes });

beforeEach(async () => {
  directory = temporaryDirectory();
  storage = await open(MAX_BYTES);
});

afterEach(async () => {
  await storage.close();
  rmSync(directory, { recursive: true });
});

/** Publishes until there is no room, and gives how many events were stored. */
async function fill(tenantId: string, bytes = 10_000): Promise<number> {
  const event = await eventFor(storage, tenantId, { data: new Uint8Array(bytes) });
  for (let stored = 0; stored < 10_000; stored++) {
    try {
      await outcomesOf(storage, event);
    } catch (error) {
      if (error instanceof StorageUnavailableError) return stored;
      throw error;
    }
  }
  throw new Error('it never got full');
}

const count = async () => (await storage.eventList(ALL_EVENTS)).rows.length;

describe('a full disk', () => {
  it('refuses a batch as a whole, and keeps what was stored before', async () => {
    const tenantId = await seedTenant(storage);
    const stored = await fill(tenantId);
    expect(stored).toBeGreaterThan(10);
    const template = await eventFor(storage, tenantId);
    const large = { ...template, data: new Uint8Array(10_000) };
    const events = [{ ...template, id: 'e0' }, large, large];
    await expect(outcomesOf(storage, ...events)).rejects.toThrow(StorageUnavailableError);
    expect(await count()).toBe(stored);
    expect(await storage.eventGet({ id: 'e0', tenantId })).toEqual([]);
  });

  it('refuses only those of the calls made together that have no room', async () => {
    const tenantId = await seedTenant(storage);
    const template = await eventFor(storage, tenantId);
    const large = { ...template, data: new Uint8Array(2 * MAX_BYTES) };
    const settled = await Promise.allSettled(
      [template, large, template].map((event) => outcomesOf(storage, event)),
    );
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await count()).toBe(2);
  });

  it('takes events again after retention made room, in the same file', async () => {
    const tenantId = await seedTenant(storage);
    const stored = await fill(tenantId);
    expect(await pruneAll(storage, Date.now() + HOUR_MS, 20)).toBe(stored);
    expect(await fill(tenantId)).toBeGreaterThan(stored / 2);
  });

  it('can be opened, and makes room by retention', async () => {
    const tenantId = await seedTenant(storage);
    const stored = await fill(tenantId);
    await fill(tenantId, 100);
    await storage.close();
    storage = await open(MAX_BYTES);
    const data = new Uint8Array(10_000);
    await expect(publish(storage, tenantId, { data })).rejects.toThrow(StorageUnavailableError);
    expect(await pruneAll(storage, Date.now() + HOUR_MS, 200)).toBeGreaterThan(stored);
    await publish(storage, tenantId, { data });
  });

  it('takes events again when it is opened with more room', async () => {
    const tenantId = await seedTenant(storage);
    const stored = await fill(tenantId);
    await storage.close();
    storage = await open(4 * MAX_BYTES);
    expect(await count()).toBe(stored);
    await publish(storage, tenantId, { data: new Uint8Array(MAX_BYTES) });
    expect(await count()).toBe(stored + 1);
  });

  it('refuses an outcome without a trace, and takes it later', async () => {
    const tenantId = await seedTenant(storage, 'd');
    const seq = await publish(storage, tenantId, { toClaimed: ['d'] });
    const stored = await fill(tenantId);
    // To the last page.
    await fill(tenantId, 100);
    const body = new Uint8Array(16_384);
    const key = { seq, ordinal: 0 };
    const attempt = attemptOf(key, {
      response: { status: 200, headers: '', body, truncated: true },
    });
    const before = await deliveryAt(storage, seq);
    await expect(storage.record({ attempts: [attempt] })).rejects.toThrow(StorageUnavailableError);
    expect(await deliveryAt(storage, seq)).toEqual(before);
    expect(await attemptsOf(storage, key)).toEqual([]);

    await pruneAll(storage, Date.now() + HOUR_MS, stored);
    expect(await storage.record({ attempts: [attempt] })).toEqual(['recorded']);
    expect(await attemptsOf(storage, key)).toMatchObject([{ number: 1 }]);
  });
});
