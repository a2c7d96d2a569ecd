/**
 * Applications publish in transactions while servers are killed and their database crashes: what was committed is in the
 * event store once, in each writer's order, and arrives. Over SQLite, and over PostgreSQL with two servers, whose event store
 * crashes with the applications' tables. Budget: 40 s.
 *
 * `ANGARIUM_TEST_SEED` repeats the load and the moments of the crashes; what the processes make of them is never quite the
 * same.
 */
import { setTimeout as pause } from 'node:timers/promises';

import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { installOutbox } from '../../src/outbox/install.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import type { Server } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { OutboxWriters } from '../support/outbox-writers.ts';
import { urlOfSchema, whyNoPostgres } from '../support/postgres-server.ts';
import { startRestartablePostgres } from '../support/restartable-postgres.ts';
import { SeededRandom } from '../support/simulated-random.ts';

const CRASHES = ['server', 'database', 'both', 'server'] as const;
const WRITERS = 4;

interface Event {
  readonly id: string;
}

/** In the order in which the event store took them: of all tenants, lists go by that. */
async function storedIds({ api }: Server): Promise<string[]> {
  const ids: string[] = [];
  let next = '';
  do {
    const page = await api.ok<{ models: Event[]; pagination: { next: string | null } }>(
      'GET',
      `/api/v1/events?dir=asc&limit=1000${next}`,
    );
    ids.push(...page.models.map(({ id }) => id));
    next = page.pagination.next === null ? '' : `&next=${page.pagination.next}`;
  } while (next !== '');
  return ids;
}

async function metricsOf({ api }: Server): Promise<Map<string, number>> {
  const text = await api.ok<string>('GET', '/metrics');
  return new Map(
    text
      .split('\n')
      .filter((line) => line.startsWith('angarium_outbox_'))
      .map((line) => {
        const [name = '', value] = line.split(' ');
        return [name, Number(value)];
      }),
  );
}

/** Beside the applications' tables; gives the URL that leads to it. */
async function newSchema(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('CREATE SCHEMA event_store');
  await client.end();
  return urlOfSchema(url, 'event_store');
}

describe.skipIf((await whyNoPostgres()) !== null)('the outbox over crashes', () => {
  it.for([
    { store: 'SQLite', servers: 1 },
    { store: 'PostgreSQL', servers: 2 },
  ] as const)(
    'stores once, in order, all that was committed ($store, servers: $servers)',
    { timeout: 180_000 },
    async ({ store, servers }) => {
      const seed = Number(process.env['ANGARIUM_TEST_SEED'] ?? Date.now() % 1_000_000);
      console.log(`outbox: seed ${seed}`);
      const random = new SeededRandom(seed);
      const cwd = temporaryFolder();
      const receiver = await startReceiver();
      const postgres = await startRestartablePostgres();
      await installOutbox({ url: postgres.url, schema: 'angarium' }, false);
      const env: Record<string, string> = { ANGARIUM_OUTBOX_URL: postgres.url };
      if (store === 'PostgreSQL') {
        env['ANGARIUM_DATABASE_URL'] = await newSchema(postgres.url);
        env['ANGARIUM_ENCRYPTION_KEY'] = Buffer.alloc(32, 7).toString('base64');
      }
      const start = () => startServer({ cwd, env });
      // The first one is killed; whichever has the lease relays.
      let server = await start();
      const others = await Promise.all(Array.from({ length: servers - 1 }, start));
      await server.api.tenant('acme');
      await server.api.destination('acme', { id: 'all', url: receiver.url('/all') });
      const writers = new OutboxWriters(postgres.url, 'acme', random.fork());
      const written = writers.run(WRITERS);
      for (const crash of CRASHES) {
        const enough = writers.committed.size + random.int(30, 100);
        await untilTrue(`${enough} events`, () => writers.committed.size >= enough);
        await pause(random.int(0, 100));
        if (crash !== 'server') await postgres.crash();
        if (crash !== 'database') await server.kill9();
        await pause(random.int(0, 200));
        if (crash !== 'server') await postgres.start();
        if (crash !== 'database') server = await start();
      }
      writers.stop();
      await written;

      const { committed, unknown, undone } = writers;
      const missing = async () => {
        const ids = new Set(await storedIds(server));
        return [...committed].filter((id) => !ids.has(id));
      };
      await untilTrue('all of it', async () => (await missing()).length === 0).catch(async () => {
        expect(await missing(), 'committed, and never stored').toEqual([]);
      });
      await untilTrue('no lag', async () => {
        const all = await Promise.all([server, ...others].map(metricsOf));
        return all.every(
          (metrics) =>
            metrics.get('angarium_outbox_lag_seconds{outbox="postgres"}') === 0 &&
            metrics.get('angarium_outbox_up{outbox="postgres"}') === 1,
        );
      });
      await untilTrue('no delivery to be pending', () => server.api.isIdle());

      const ids = await storedIds(server);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.filter((id) => undone.has(id))).toEqual([]);
      expect(ids.filter((id) => !committed.has(id) && !unknown.has(id))).toEqual([]);
      for (let writer = 0; writer < WRITERS; writer++) {
        const own = ids.filter((id) => id.startsWith(`w${writer}-`));
        expect(own).toEqual(own.toSorted());
      }
      const arrived = receiver.hits('/all').map(({ id }) => id);
      expect(new Set(arrived)).toEqual(new Set(ids));
      for (const each of [server, ...others]) {
        const metrics = await metricsOf(each);
        expect(metrics.get('angarium_outbox_refused_total{outbox="postgres"}')).toBe(0);
        await each.stop();
      }
      console.log(
        `outbox: ${committed.size} events committed, ${unknown.size} without an answer, ${undone.size} undone; ` +
          `${ids.length} stored, ${arrived.length - ids.length} of them attempted again`,
      );
    },
  );

  it('says that a database is away, is ready for publishes all the same, and goes on', async () => {
    const postgres = await startRestartablePostgres();
    await installOutbox({ url: postgres.url, schema: 'angarium' }, true);
    const server = await startServer({
      cwd: temporaryFolder(),
      env: { ANGARIUM_OUTBOX_URL: postgres.url },
    });
    const workers = async () => {
      const { status, body } = await server.api.send('GET', '/readyz');
      return { status, outbox: (body as { workers: Record<string, unknown> }).workers['outbox'] };
    };
    await untilTrue(
      'the first look',
      async () => (await metricsOf(server)).get('angarium_outbox_up{outbox="postgres"}') === 1,
    );
    expect(await workers()).toEqual({ status: 200, outbox: { status: 'healthy' } });
    await postgres.crash();
    await untilTrue(
      'it to be missed',
      async () => (await metricsOf(server)).get('angarium_outbox_up{outbox="postgres"}') === 0,
    );
    expect(await workers()).toEqual({ status: 200, outbox: { status: 'unhealthy' } });
    const lag = (await metricsOf(server)).get('angarium_outbox_lag_seconds{outbox="postgres"}');
    expect(lag).toBeGreaterThan(0);
    await postgres.start();
    await untilTrue(
      'it to be back',
      async () => (await metricsOf(server)).get('angarium_outbox_up{outbox="postgres"}') === 1,
    );
    const said = server.running.stderr();
    expect(said.match(/an outbox cannot be relayed; trying again/g)).toHaveLength(1);
    expect(said.match(/an outbox is relayed again/g)).toHaveLength(1);
    expect(said).not.toContain('angarium:angarium');

    // It ends in good order while one is away, too.
    await postgres.crash();
    await server.stop();
  });
});
