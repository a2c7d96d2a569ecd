/** A PostgreSQL server and another one that follows it, by streaming (PostgreSQL manual, 26.2.5): of one test alone. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { onTestFinished } from 'vitest';

import { until } from './api-until.ts';
import { backUpTo, give, startOwnPostgres } from './own-postgres.ts';
import type { RunningServer } from './own-postgres.ts';

type Rows = Record<string, unknown>[];

export interface ReplicatedPostgres {
  readonly url: string;
  readonly replica: RunningServer;
  query(sql: string): Promise<Rows>;
  /** What is committed from now on does not arrive there. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-replica-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  // The servers run as another user than root.
  chmodSync(directory, 0o755);
  const data = join(directory, 'data');
  const primary = await startOwnPostgres(data, ['wal_keep_size=64MB'], true);
  const on = (url: string) => async (sql: string) => {
    const client = new pg.Client(url);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  // A backup is begun and ended on one connection.
  const client = new pg.Client(primary.url);
  await client.connect();
  const copy = join(directory, 'replica');
  await backUpTo(
    copy,
    data,
    async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
  );
  await client.end();
  give(join(copy, 'standby.signal'), '');
  const { port } = new URL(primary.url);
  const replica = await startOwnPostgres(
    copy,
    [`primary_conninfo=host=127.0.0.1 port=${port} user=angarium password=angarium`],
    false,
  );
  const askReplica = on(replica.url);
  return {
    url: primary.url,
    replica,
    query: on(primary.url),
    async pause() {
      await askReplica('SELECT pg_wal_replay_pause()');
      await until('the pause', async () => {
        const [row] = await askReplica('SELECT pg_get_wal_replay_pause_state() AS state');
        return row?.['state'] === 'paused' ? true : undefined;
      });
    },
    async resume() {
      await askReplica('SELECT pg_wal_replay_resume()');
    },
  };
}
