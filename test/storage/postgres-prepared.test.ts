/** Statements that are prepared, and where they are not. */
import { statSync } from 'node:fs';
import pg from 'pg';
import type { QueryConfig } from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { attemptOf, deliveryAt, publish, seedTenant } from '../support/storage-fixtures.ts';

// Those that look for rows of a day; what inserts finds its partition row by row.
const PLANS = `
  SELECT custom_plans AS custom, generic_plans AS generic FROM pg_prepared_statements
  WHERE statement ~ '(event_)?seq BETWEEN'`;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('what is published and recorded', () => {
  const server = usePostgresServer();

  /** The names of the statements by which some events are published, delivered and recorded, and the connections. */
  async function sentOn(url: string) {
    const storage = await openPostgresStorage({ url });
    onTestFinished(() => storage.close());
    const tenantId = await seedTenant(storage, 'd');
    const asked = vi.spyOn(pg.Client.prototype, 'query');
    const deliver = async () => {
      const seq = await publish(storage, tenantId, { toClaimed: ['d'] });
      await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
      return seq;
    };
    // So often that it is worth it, over all connections of the pool.
    for (let round = 0; round < 120; round++)
      for (const seq of await Promise.all(Array.from({ length: 8 }, deliver)))
        expect((await deliveryAt(storage, seq)).status).toBe('delivered');
    const names = (asked.mock.calls as unknown[][]).flatMap(([query]) =>
      typeof query === 'object' ? [(query as QueryConfig).name ?? ''] : [],
    );
    const clients = new Set(asked.mock.contexts.filter((context) => context instanceof pg.Client));
    asked.mockRestore();
    return { names: new Set(names), clients };
  }

  it('is prepared on a connection to PostgreSQL itself', async () => {
    const url = await server.createSchema();
    onTestFinished(() => server.dropSchema(url));
    const { names } = await sentOn(url);
    expect(names.size).toBeGreaterThanOrEqual(4);
  });

  it('is planned each time for the days that it names, and never for all of them', async () => {
    const url = await server.createSchema();
    onTestFinished(() => server.dropSchema(url));
    const { clients } = await sentOn(url);
    const used: { custom: number; generic: number }[] = [];
    for (const client of clients) {
      const { rows } = await client.query<{ custom: string; generic: string }>(PLANS);
      for (const { custom, generic } of rows)
        used.push({ custom: Number(custom), generic: Number(generic) });
    }
    // A server decides after five uses.
    expect(used.filter(({ custom }) => custom > 5).length).toBeGreaterThan(0);
    expect(used.filter(({ generic }) => generic > 0)).toEqual([]);
  });

  const program = findPgbouncer();
  it.skipIf(program === undefined || server.isGiven)(
    'is not prepared through PgBouncer in transaction mode, and works there',
    async () => {
      const [row] = await server.query('SHOW data_directory');
      const pooler = await startPgbouncer({
        program: program ?? '',
        serverUrl: server.url,
        owner: statSync(String(row?.['data_directory'])),
      });
      onTestFinished(() => pooler.stop());
      expect((await sentOn(pooler.url())).names).toEqual(new Set());
    },
  );
});
