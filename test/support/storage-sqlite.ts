/** Both ways to run the SQLite driver, for the conformance suite. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import type { Random } from '../../src/domain/id.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { StorageDriver } from '../conformance/storage-driver.ts';

/** Two threads over a file. A crash leaves the files as they are: it is a copy of them that is opened. */
export const threadedSqlite: StorageDriver = {
  name: 'SQLite on threads',
  can: { leaveZombies: false, moveClock: false, restartCheaply: false },
  async open() {
    const directory = temporaryDirectory();
    const opened: Storage[] = [];
    let path = join(directory, '0.db');
    const openNext = async () => {
      const storage = await openSqliteStorage({ path, maxBytes: null });
      opened.push(storage);
      return storage;
    };
    let storage = await openNext();
    return {
      get storage() {
        return storage;
      },
      nowMs: () => systemClock.nowMs(),
      async tick() {
        const before = systemClock.nowMs();
        while (systemClock.nowMs() <= before) await setImmediate();
      },
      async restart() {
        await storage.close();
        storage = await openNext();
        return storage;
      },
      async crash() {
        const image = join(directory, `${opened.length}.db`);
        copyDatabase(path, image);
        path = image;
        storage = await openNext();
        return storage;
      },
      moveClock() {
        throw new Error('this driver goes by the clock of the system');
      },
      async dispose() {
        await Promise.all(opened.map((each) => each.close()));
        rmSync(directory, { recursive: true });
      },
    };
  },
};

/** On the caller's thread, in memory, by a clock that only the test moves. */
export const inlineSqlite: StorageDriver = {
  name: 'SQLite inline',
  can: { leaveZombies: true, moveClock: true, restartCheaply: true },
  open() {
    const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
    const clock = manualClock(1_700_000_000_000);
    let storage = openInlineStorage(database, clock, COUNTING);
    const reopen = () => {
      storage = openInlineStorage(database, clock, COUNTING);
      return Promise.resolve(storage);
    };
    return Promise.resolve({
      get storage() {
        return storage;
      },
      nowMs: () => clock.nowMs(),
      tick() {
        clock.moveBy(1);
        return Promise.resolve();
      },
      async restart() {
        await storage.close();
        return reopen();
      },
      crash: reopen,
      moveClock: (byMs) => clock.moveBy(byMs),
      dispose() {
        database.close();
        return Promise.resolve();
      },
    });
  },
};

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'angarium-storage-'));
}

/** The database as a loss of power would leave it now. */
function copyDatabase(from: string, to: string): void {
  copyFileSync(from, to);
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
}

const COUNTING: Random = {
  nextFloat: () => 0.5,
  bytes: (count) => Uint8Array.from({ length: count }, (_, index) => index),
};

function manualClock(startMs: number): Clock & { moveBy(ms: number): void } {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    schedule: () => {
      throw new Error('a storage has no timers');
    },
    soon: () => {
      throw new Error('a storage has no turns');
    },
    moveBy(ms) {
      nowMs += ms;
    },
  };
}
