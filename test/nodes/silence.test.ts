/**
 * The database falls silent while publishes come all the time: each is answered in good time, whatever it was waiting for, and
 * what was kept is delivered when the database is back. Budget: 25 s.
 */
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, EventView, ListView } from '../support/api-views.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import type { SilentProxy } from '../support/silent-proxy.ts';
import { startStopwatch } from '../support/stopwatch.ts';

/** What docs/operations/postgres.md promises, and what a turn of the thread may take beside. */
const REFUSED_MS = 1200;
const DOUBT_MS = 4400;
/** Where one connection alone is silent: long before the client library gives up, by a clock that is so many times faster. */
const ALONE_MS = 5000;
const FASTER = 4;
const PUBLISHERS = 20;
/** As the work of a node that died, where what it went on as was lost as well. */
const RESCUED_MS = 30_000;

const fast: Clock = {
  ...systemClock,
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / FASTER, callback),
};

interface Answered {
  readonly id: string;
  readonly status: number;
  readonly tookMs: number;
}

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('while the database is silent', () => {
  const postgres = usePostgresServer();

  /** Publishes all the time, until one was answered with that status after `fallSilent`; gives the slowest of each status. */
  async function publishesThrough(
    fallSilent: (proxy: SilentProxy) => Promise<void> | void,
    ends: 503 | 504,
    storageClock = systemClock,
  ): Promise<Record<number, number>> {
    const database = await postgres.createSchema();
    const proxy = await startSilentProxy(database);
    const api = await ApiServer.start({ database: proxy.url, maxLookMs: 900, storageClock });
    const stopwatch = startStopwatch();
    const tenantId = await api.tenant();
    await api.destination(tenantId);
    const answered: Answered[] = [];
    const end = new AbortController();
    const publishers = Array.from({ length: PUBLISHERS }, async (_, publisher) => {
      for (let nth = 0; !end.signal.aborted; nth++) {
        const id = `${publisher}-${nth}`;
        const startMs = stopwatch.elapsedMs;
        const { status } = await api.publish({ id, tenant_id: tenantId, topic: 'a', data: {} });
        answered.push({ id, status, tookMs: stopwatch.elapsedMs - startMs });
      }
    });
    await until('publishes to come', () => answered.length > 100 || undefined);
    await fallSilent(proxy);
    await until(
      'them to be given up',
      () => answered.some(({ status }) => status === ends) || undefined,
    );
    end.abort();
    await Promise.all(publishers);
    stopwatch.stop();
    proxy.speak();

    const stored = await until('it to be back', async () => {
      const { status, body } = await api.get<ListView<EventView>>('/v1/events?limit=1000');
      return status === 200 ? new Set(body.models.map(({ id }) => id)) : undefined;
    });
    for (const { id, status } of answered)
      if (status !== 504) expect([id, stored.has(id)]).toEqual([id, status === 202]);
    await untilTrue(
      'all that was kept to be delivered',
      async () => {
        const path = '/v1/deliveries?limit=1000&status=delivered';
        const { status, body } = await api.get<ListView<DeliveryView>>(path);
        return status === 200 && body.models.length === stored.size;
      },
      RESCUED_MS,
    );
    api.failures.length = 0;
    await api.stop();
    await proxy.close();
    await postgres.dropSchema(database);

    const slowest: Record<number, number> = {};
    for (const { status, tookMs } of answered)
      slowest[status] = Math.max(slowest[status] ?? 0, Math.round(tookMs));
    console.log(`silence: slowest answers in ms by status ${JSON.stringify(slowest)}`);
    return slowest;
  }

  it('publishes are refused within a second, and nothing of them is kept', async () => {
    const slowest = await publishesThrough((proxy) => proxy.fallSilent(), 503);
    expect(slowest[503]).toBeLessThan(REFUSED_MS);
    expect(slowest[504] ?? 0).toBeLessThan(DOUBT_MS);
  });

  it('what is in the middle of its commit is in doubt after four seconds, and holds up nothing', async () => {
    const slowest = await publishesThrough((proxy) => proxy.fallSilentInCommit('all'), 504);
    expect(slowest[503]).toBeLessThan(REFUSED_MS);
    expect(slowest[504]).toBeLessThan(DOUBT_MS);
  });

  it('on one connection alone, a commit is in doubt after ten', async () => {
    const slowest = await publishesThrough((proxy) => proxy.fallSilentInCommit('one'), 504, fast);
    expect(slowest[504]).toBeLessThan(ALONE_MS);
    expect(slowest[503] ?? 0).toBeLessThan(ALONE_MS);
  });
});
