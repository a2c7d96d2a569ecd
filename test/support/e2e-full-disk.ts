/** Two ways to have no room: a disk that is full, and a database that is as large as it may be. */
import { spawnSync } from 'node:child_process';
import { rmSync, writeSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './e2e-folder.ts';

export interface Disk {
  /** Where the server runs. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Takes what room is left. The server has started by then. */
  fill(): void;
  makeRoom(): void;
}

const MIB = 1024 * 1024;

/** A file system of 16 MiB in memory; `null` where this user may not mount one. */
export function smallDisk(): Disk | null {
  const folder = temporaryFolder();
  if (!succeeds('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder)) return null;
  onTestFinished(() => void succeeds('umount', folder));
  const ballast = join(folder, 'ballast');
  return {
    folder,
    env: {},
    fill() {
      const file = openSync(ballast, 'w');
      try {
        for (const size of [MIB, 4096, 1]) writeUntilFull(file, size);
      } finally {
        closeSync(file);
      }
    },
    makeRoom: () => rmSync(ballast),
  };
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

function writeUntilFull(file: number, size: number): void {
  const block = Buffer.alloc(size);
  try {
    while (writeSync(file, block) > 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}

/** `ANGARIUM_DATABASE_MAX_BYTES`; another connection, which has no such bound, puts a ballast into the same file. */
export function smallDatabase(): Disk {
  const folder = temporaryFolder();
  const execute = (sql: string) => {
    const db = new DatabaseSync(join(folder, 'data', 'angarium.db'));
    try {
      db.exec(`PRAGMA busy_timeout = 5000; ${sql}`);
    } finally {
      db.close();
    }
  };
  return {
    folder,
    env: { ANGARIUM_DATABASE_MAX_BYTES: '1 MiB' },
    fill: () => execute(`CREATE TABLE ballast AS SELECT zeroblob(${MIB}) AS bytes`),
    makeRoom: () => execute('DROP TABLE ballast'),
  };
}
