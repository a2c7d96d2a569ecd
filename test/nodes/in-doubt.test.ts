/** The way to the database breaks in a commit: who asked is told that it is not known, and not that nothing was kept. */
import { describe, expect, it } from 'vitest';

import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';
import { startCommitProxy } from '../support/commit-proxy.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('a publish whose commit is in doubt', () => {
  const postgres = usePostgresServer();

  it.for([
    { when: 'before the commit', wasKept: false },
    { when: 'after the commit', wasKept: true },
  ] as const)(
    'is answered 504, and delivered once when it is repeated (broken $when)',
    async ({ when, wasKept }) => {
      const database = await postgres.createSchema();
      const proxy = await startCommitProxy(database);
      const api = await ApiServer.start({ database: proxy.url });
      const tenantId = await api.tenant();
      await api.destination(tenantId);
      const event = { id: 'once', tenant_id: tenantId, topic: 'a', data: {} };

      proxy.breakNext(when);
      const doubtful = await api.publish(event);
      expect(doubtful.status).toBe(504);
      expect(doubtful.body).toMatchObject({ code: 'in_doubt' });
      expect(doubtful.headers['retry-after']).toBe('1');

      const repeated = await until('it to be taken', async () => {
        const answer = await api.publish(event);
        return answer.status === 202 ? answer : undefined;
      });
      expect(repeated.body.duplicate).toBe(wasKept);
      await until('it to be delivered', async () => {
        const path = `/v1/deliveries?tenant_id=${tenantId}&status=delivered`;
        const { models } = (await api.get<ListView<DeliveryView>>(path)).body;
        return models.length === 1 ? true : undefined;
      });
      expect(api.receiver.at('/ok').map(({ headers }) => headers['webhook-id'])).toEqual(['once']);

      proxy.breakNext(when);
      const batch = await api.post<{ results: { error?: { code: string } }[] }>(
        '/v1/publish/batch',
        { events: [{ ...event, id: 'twice' }] },
      );
      expect(batch.status).toBe(202);
      expect(batch.body.results).toMatchObject([{ error: { code: 'in_doubt', status: 504 } }]);

      // Of what was in doubt.
      api.failures.length = 0;
      await api.stop();
      await proxy.close();
      await postgres.dropSchema(database);
    },
  );
});
