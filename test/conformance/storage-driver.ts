/** What the conformance suite needs to know of a driver of the storage port. */
import { afterAll, beforeAll } from 'vitest';

import type { Storage } from '../../src/storage/storage.ts';

export interface StorageDriver {
  readonly name: string;
  /** A fresh, empty database, and a storage over it. */
  open(): Promise<StorageUnderTest>;
  readonly can: {
    /** After `crash` the storage that was abandoned still answers, like a node that was only thought dead. */
    readonly leaveZombies: boolean;
    /** `moveClock` works. */
    readonly moveClock: boolean;
    /** A restart costs next to nothing, so that there may be hundreds. */
    readonly restartCheaply: boolean;
  };
}

export interface StorageUnderTest {
  /** The incarnation that is alive. */
  readonly storage: Storage;
  /** The clock that the database goes by. */
  nowMs(): number;
  /** Resolves when that clock shows a later millisecond. */
  tick(): Promise<void>;
  /** Closes the storage, opens another incarnation over the same database, and gives it. */
  restart(): Promise<Storage>;
  /** The same without closing: what was not committed is gone, and the old incarnation counts as dead. */
  crash(): Promise<Storage>;
  /** Moves the clock, also backwards, where the driver can. */
  moveClock(byMs: number): void;
  /** Closes what is open and removes the database. */
  dispose(): Promise<void>;
}

/** One database for the tests of a `describe`, each of which makes tenants of its own. */
export function shareDatabase(driver: StorageDriver): StorageUnderTest {
  let shared: StorageUnderTest | undefined;
  const open = () => {
    if (shared === undefined) throw new Error('the database is open only while tests run');
    return shared;
  };
  beforeAll(async () => {
    shared = await driver.open();
  });
  afterAll(async () => {
    await shared?.dispose();
  });
  return {
    get storage() {
      return open().storage;
    },
    nowMs: () => open().nowMs(),
    tick: () => open().tick(),
    restart: () => open().restart(),
    crash: () => open().crash(),
    moveClock: (byMs) => open().moveClock(byMs),
    dispose: () => open().dispose(),
  };
}

/**
 * A time after all that has come in so far. Not an hour or so later: that is in the next day when the day is about to end,
 * and a driver may drop a whole day at once, without counting what was in it.
 */
export async function momentAfterAll(db: StorageUnderTest): Promise<number> {
  await db.tick();
  return db.nowMs();
}

/** A database for one test alone: lists of all lanes, retention, the clock. */
export async function withDatabase(
  driver: StorageDriver,
  test: (db: StorageUnderTest) => Promise<void>,
): Promise<void> {
  const db = await driver.open();
  try {
    await test(db);
  } finally {
    await db.dispose();
  }
}
