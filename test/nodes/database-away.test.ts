/** The database goes away, or falls silent: publishes are refused, and all goes on when it is back. Budget: 30 s. */
import { describe, expect, it } from 'vitest';

import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';

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
    await api.destination(tenantId, { config: { url: api.receiver.url('/hold/under-way') } });
    await api.destination(tenantId);
    const accepted: string[] = [];
    const publish = async () => {
      const answer = await api.publish({ tenant_id: tenantId, topic: 'a', data: {} });
      if (answer.status === 202) accepted.push(answer.body.id);
      return answer;
    };
    await publish();
    await api.receiver.wait('/hold/under-way', 1);

    await goAway();
    for (let round = 0; round < 3; round++) {
      const refused = await publish();
      expect(refused.status).toBe(503);
      expect(refused.headers['retry-after']).toBeDefined();
    }
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
    const path = `/v1/deliveries?tenant_id=${tenantId}&status=delivered`;
    await until('all to be recorded', async () => {
      const { status, body } = await api.get<ListView<DeliveryView>>(path);
      return status === 200 && body.models.length === 2 * accepted.length ? true : undefined;
    });
    const arrived = api.receiver.at('/ok').map(({ headers }) => headers['webhook-id']);
    expect(new Set(arrived)).toEqual(new Set(accepted));
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
