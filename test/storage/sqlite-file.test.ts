/** The file: who may open it, and what is refused without touching it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openInlineDatabase } from '../../src/storage/sqlite/inline.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { startThread } from '../../src/storage/sqlite/thread.ts';
import { StorageOpenError, StorageUnavailableError } from '../../src/storage/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ALL_DELIVERIES, ALL_EVENTS, publish, seedTenant } from '../support/storage-fixtures.ts';
import { temporaryDirectory } from '../support/storage-sqlite.ts';

const HOLDER = fileURLToPath(new URL('../support/storage-sqlite-holder.ts', import.meta.url));

let directory = '';
let path = '';
const opened: Storage[] = [];

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'angarium.db');
});

afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close();
  rmSync(directory, { recursive: true });
});

async function open(file = path, maxBytes: number | null = null): Promise<Storage> {
  const storage = await openSqliteStorage({ path: file, maxBytes });
  opened.push(storage);
  return storage;
}

/** A database with some content, closed: made once, and then copied. */
let made: Buffer | undefined;

async function makeDatabase(): Promise<void> {
  if (made === undefined) {
    const storage = await open();
    const tenantId = await seedTenant(storage, 'd');
    for (let index = 0; index < 20; index++)
      await publish(storage, tenantId, { data: new Uint8Array(3000).fill(index), to: ['d'] });
    await storage.close();
    made = readFileSync(path);
  }
  writeFileSync(path, made);
}

async function refusal(file = path, maxBytes: number | null = null): Promise<StorageOpenError> {
  const error: unknown = await open(file, maxBytes).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StorageOpenError)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

describe('a database file', () => {
  it('is held by one storage at a time', async () => {
    const first = await open();
    const tenantId = await seedTenant(first);
    expect((await refusal()).kind).toBe('held');
    expect((await refusal()).message).toContain(path);
    await publish(first, tenantId);
    await first.close();
    expect((await (await open()).eventList(ALL_EVENTS)).rows).toHaveLength(1);
  });

  it('is held against another process, and free again when that one is killed, with all it had answered', async () => {
    const holder = spawn(process.execPath, [HOLDER, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(holder, 'exit');
    const stored: number[] = [];
    for await (const line of createInterface({ input: holder.stdout })) {
      if (line === 'open') expect((await refusal()).kind).toBe('held');
      else stored.push(Number(line));
      if (stored.length === 100) holder.kill('SIGKILL');
    }
    await exited;
    expect(holder.signalCode).toBe('SIGKILL');

    const storage = await open();
    const kept = (await storage.eventList(ALL_EVENTS)).rows.map(({ seq }) => seq);
    expect(kept).toEqual(expect.arrayContaining(stored));
    const { rows } = await storage.deliveryList(ALL_DELIVERIES);
    expect(rows.map(({ key }) => key.seq)).toEqual(kept);
    expect(rows.some(({ claimed }) => claimed)).toBe(false);
  });

  it('is made with its folder, in the settings that cannot be changed later', async () => {
    const nested = join(directory, 'a', 'b', 'angarium.db');
    await (await open(nested)).close();
    const db = new DatabaseSync(nested, { readOnly: true });
    const pragma = (name: string) => db.prepare(`PRAGMA ${name}`).get()?.[name];
    expect(pragma('auto_vacuum')).toBe(2);
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('application_id')).toBe(0x416e_676d);
    db.close();
  });

  it('that a newer version has migrated is refused as it is', async () => {
    await makeDatabase();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 999');
    db.close();
    const before = readFileSync(path);

    const error = await refusal();
    expect(error.kind).toBe('newer');
    expect(error.message).toContain('999');
    expect(readFileSync(path).equals(before)).toBe(true);
    // The hold was given up: it is not `held` now.
    expect((await refusal()).kind).toBe('newer');
  });

  const random = (bytes: number) =>
    Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7919) % 251));
  const overwrite = (from: number, to: number) => () => {
    const bytes = readFileSync(path);
    random(to - from).copy(bytes, from);
    writeFileSync(path, bytes);
  };
  const DAMAGE: [string, () => void][] = [
    ['random bytes', () => writeFileSync(path, random(20_000))],
    ['a short text', () => writeFileSync(path, 'hello')],
    ['the right first bytes and nothing else', () => truncateSync(path, 16)],
    ['the right first bytes, then garbage', overwrite(16, 30_000)],
    ['the right first page, then garbage', overwrite(4096, 60_000)],
    ['a page in the middle that was overwritten', overwrite(8 * 4096, 9 * 4096)],
    ['half of the file', () => truncateSync(path, readFileSync(path).length / 2)],
    ['a file cut off in a page', () => truncateSync(path, readFileSync(path).length - 1000)],
    [
      'the database of another program',
      () => {
        rmSync(path);
        const db = new DatabaseSync(path);
        db.exec('CREATE TABLE notes (text); PRAGMA application_id = 7');
        db.close();
      },
    ],
  ];

  it.each(DAMAGE)('that is damaged is refused as it is: %s', async (_, damage) => {
    await makeDatabase();
    damage();
    const before = readFileSync(path);
    // The threads open it in the same way, but take their time to start.
    const openInline = () => openInlineDatabase({ path, maxBytes: null }).close();
    const refused = expect.objectContaining({
      name: 'StorageOpenError',
      kind: 'corrupt',
      message: expect.stringContaining(path) as string,
    }) as Error;
    expect(openInline).toThrow(refused);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(openInline).toThrow(refused);
  });

  it('that is damaged is refused by the threads, too', async () => {
    writeFileSync(path, 'hello');
    expect((await refusal()).kind).toBe('corrupt');
    expect(readFileSync(path, 'utf8')).toBe('hello');
  });

  it('that cannot be reached is refused', async () => {
    writeFileSync(join(directory, 'file'), '');
    expect((await refusal(join(directory, 'file', 'angarium.db'))).kind).toBe('unreachable');
    mkdirSync(path);
    expect((await refusal()).kind).toBe('unreachable');
  });

  it('that lacks what a start needs is refused, and let go', async () => {
    await makeDatabase();
    const db = new DatabaseSync(path);
    db.exec('DROP TABLE meta');
    db.close();
    expect((await refusal()).kind).toBe('unreachable');
    expect((await refusal()).kind).toBe('unreachable');
  });

  it('that has no room for the schema is refused, and is good once it has', async () => {
    expect((await refusal(path, 20_000)).kind).toBe('unreachable');
    const storage = await open();
    await publish(storage, await seedTenant(storage));
    expect((await storage.eventList(ALL_EVENTS)).rows).toHaveLength(1);
  });

  it('is let go by the thread of the caller, too, where it has no room', () => {
    const openInline = (maxBytes: number | null) => openInlineDatabase({ path, maxBytes });
    expect(() => openInline(20_000)).toThrow(StorageOpenError);
    expect(() => openInline(20_000)).toThrow('full');
    openInline(null).close();
  });

  it('whose first process was killed in its first transaction is good', async () => {
    const first = join(directory, 'first.db');
    const begun = new DatabaseSync(first);
    begun.exec(`
      PRAGMA application_id = 1097754477; -- "Angm"
      PRAGMA cache_size = 2;
      CREATE TABLE begun (value BLOB);
      DROP TABLE begun;
      BEGIN IMMEDIATE;
      CREATE TABLE begun (value BLOB);
    `);
    // More than the cache holds: it is in the file, and the journal has what was there before.
    for (let index = 0; index < 200; index++)
      begun.prepare('INSERT INTO begun (value) VALUES (zeroblob(3000))').run();
    copyFileSync(first, path);
    copyFileSync(`${first}-journal`, `${path}-journal`);
    begun.exec('ROLLBACK');
    begun.close();

    const storage = await open();
    await seedTenant(storage, 'd');
    expect(existsSync(`${path}-journal`)).toBe(false);
  });

  it('takes its log along when it is closed', async () => {
    const storage = await open();
    await publish(storage, await seedTenant(storage));
    expect(existsSync(`${path}-wal`)).toBe(true);
    await storage.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
    const db = new DatabaseSync(path, { readOnly: true });
    expect(db.prepare('SELECT count(*) AS count FROM events').get()).toEqual({ count: 1 });
    db.close();
  });
});

describe('a closed storage', () => {
  it('refuses every call, and may be closed again', async () => {
    const storage = await open();
    const tenantId = await seedTenant(storage);
    const closing = storage.close();
    await expect(publish(storage, tenantId)).rejects.toThrow(StorageUnavailableError);
    await closing;
    await expect(storage.ping()).rejects.toThrow(StorageUnavailableError);
    await expect(storage.eventList(ALL_EVENTS)).rejects.toThrow(StorageUnavailableError);
    await storage.close();
  });

  it('refuses what was asked for in the same moment, after it', async () => {
    const writer = await startThread('writer', { database: { path, maxBytes: null } });
    const closing = writer.close();
    await expect(writer.call('ping', undefined)).rejects.toThrow(StorageUnavailableError);
    await closing;
  });

  it('does, or refuses as unavailable, each call that comes while it closes', async () => {
    const storage = await open();
    const state = { isOpen: true };
    const closing = storage.close().then(() => {
      state.isOpen = false;
    });
    const reasons: unknown[] = [];
    const calls: Promise<unknown>[] = [];
    const ask = (call: Promise<unknown>) =>
      calls.push(call.catch((reason: unknown) => reasons.push(reason)));
    while (state.isOpen) {
      ask(storage.ping());
      ask(storage.tenantGet({ id: 't' }));
      ask(storage.maintain());
      await setImmediate();
    }
    await closing;
    await Promise.all(calls);
    expect(reasons.length).toBeGreaterThan(0);
    for (const reason of reasons) expect(reason).toBeInstanceOf(StorageUnavailableError);
  });
});
