/**
 * A PostgreSQL server of the test's own that archives its log, base backups of it, and servers that are restored from one
 * to a moment: as the PostgreSQL manual says, 25.3 (continuous archiving).
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { onTestFinished } from 'vitest';

import { untilTrue } from './e2e-until.ts';
import { backUpTo, give, startOwnPostgres } from './own-postgres.ts';
import type { RunningServer } from './own-postgres.ts';

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
  const { url, stop } = await startOwnPostgres(data, archiving, true);
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
      await backUpTo(copy, data, query);
      return {
        restore(moment) {
          give(join(copy, 'recovery.signal'), '');
          const restoring = [
            `restore_command=cp ${archive}/%f %p`,
            `recovery_target_time=${moment}`,
            'recovery_target_action=promote',
          ];
          return startOwnPostgres(copy, restoring, false);
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
