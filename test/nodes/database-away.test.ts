/**
 * The database goes away, or falls silent: publishes are refused in time, and all goes on when it is back. What is under way
 * then, and when the silence begins: silence.test.ts. Budget: 30 s.
 */
import { describe, expect, it } from 'vitest';

import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { startStopwatch } from '../support/stopwatch.ts';

/** Within a second, and what a turn of the thread may take beside. */
const REFUSED_MS = 1200;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('while the database is away', () => {
  const postgres = usePostgresServer();

  /** What was answered with 202 before, during and after is delivered; nothing else is. */
  async function refusesAndGoesOn(
    database: string,
    goAway: () => Promise<void> | void,
    comeBack: () => Promise<void> | void,
  ): Promise<void> {
    const api = await ApiServer.start({ database, maxLookMs: 900 });
    const tenantId = await api.tenant();
    // One is under way, and the others wait behind it, claimed.
    const { id: slow } = await api.destination(tenantId, {
      config: { url: api.receiver.url('/hold/under-way') },
      policy: { concurrency: 1 },
    });
    const { id: quick } = await api.destination(tenantId);
    const accepted: string[] = [];
    const publish = async () => {
      const answer = await api.publish({ tenant_id: tenantId, topic: 'a', data: {} });
      if (answer.status === 202) accepted.push(answer.body.id);
      return answer;
    };
    for (let count = 0; count < 3; count++) await publish();
    await api.receiver.wait('/hold/under-way', 1);
    const delivered = async (destinationId: string) => {
      const path = `/v1/deliveries?tenant_id=${tenantId}&destination_id=${destinationId}&status=delivered`;
      const { status, body } = await api.get<ListView<DeliveryView>>(path);
      return status === 200 && body.models.length === accepted.length ? true : undefined;
    };
    await until('the quick ones to be recorded', () => delivered(quick));

    await goAway();
    const stopwatch = startStopwatch();
    for (let round = 0; round < 3; round++) {
      const startMs = stopwatch.elapsedMs;
      const refused = await publish();
      expect(refused.status).toBe(503);
      expect(refused.headers['retry-after']).toBeDefined();
      expect(stopwatch.elapsedMs - startMs).toBeLessThan(REFUSED_MS);
    }
    stopwatch.stop();
    await until('the node to say that it is not ready', async () =>
      (await api.request('GET', '/readyz', { key: null })).status === 503 ? true : undefined,
    );
    // What is under way ends now, and cannot be written down yet.
    api.receiver.release('under-way');

    await comeBack();
    await until('a publish to be taken', async () =>
      (await publish()).status === 202 ? true : undefined,
    );
    await until('the node to say that it is ready', async () =>
      (await api.request('GET', '/readyz', { key: null })).status === 200 ? true : undefined,
    );
    for (const id of [slow, quick]) await until('all to be recorded', () => delivered(id));
    // What was claimed when the database went away, too, is sent once.
    for (const path of ['/ok', '/hold/under-way']) {
      const arrived = api.receiver.at(path).map(({ headers }) => headers['webhook-id']);
      expect(arrived).toHaveLength(accepted.length);
      expect(new Set(arrived)).toEqual(new Set(accepted));
    }
    // Of what was asked meanwhile.
    api.failures.length = 0;
    await api.stop();
  }

  it.skipIf(postgres.isGiven)(
    'stopped: refuses publishes, and goes on by itself when it is started again',
    async () => {
      const database = await postgres.createSchema();
      await refusesAndGoesOn(
        database,
        () => postgres.goAway(),
        () => postgres.comeBack(),
      );
    },
    120_000,
  );

  it('silent: refuses publishes within a second, and goes on by itself when it answers', async () => {
    const database = await postgres.createSchema();
    const proxy = await startSilentProxy(database);
    await refusesAndGoesOn(
      proxy.url,
      () => proxy.fallSilent(),
      () => proxy.speak(),
    );
    await proxy.close();
  }, 120_000);
});
