/** The outbox of an application over an event store that several nodes share, and whose commits may be in doubt. Budget: 20 s. */
import { describe, expect, it } from 'vitest';

import { withNodes } from '../support/api-nodes.ts';
import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { EventView, ListView } from '../support/api-views.ts';
import { startCommitProxy } from '../support/commit-proxy.ts';
import { startApplication } from '../support/outbox-application.ts';
import type { Application } from '../support/outbox-application.ts';
import { startRelay } from '../support/outbox-relay.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';

const ROUNDS = 100;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('the outbox over PostgreSQL', () => {
  const postgres = usePostgresServer();

  const untilEmpty = ({ rows }: Application) =>
    until('the outbox to be empty', async () =>
      (await rows('angarium_outbox')).length === 0 ? true : undefined,
    );
  /** In the order in which the event store took them: of all tenants, lists go by that. */
  const storedOf = async (api: ApiServer) =>
    (await api.get<ListView<EventView>>('/v1/events?dir=asc')).body.models.map(({ id }) => id);

  it.for(['before the commit', 'after the commit'] as const)(
    'stores once what was in doubt, and refuses nothing of it (broken %s)',
    async (when) => {
      const database = await postgres.createSchema();
      const proxy = await startCommitProxy(database);
      const api = await ApiServer.start({ database: proxy.url });
      const tenant = await api.tenant();
      await api.destination(tenant);
      const application = await startApplication(postgres);
      const ids = ['1', '2', '3'];
      for (const id of ids) await application.publish({ tenant, id });

      proxy.breakNext(when);
      const relay = startRelay(api, application.place);
      await untilEmpty(application);
      // After what it counts.
      await relay.stop();
      expect(proxy.hasBroken).toBe(true);
      expect(await application.rows('angarium_outbox_failed')).toEqual([]);
      expect(await storedOf(api)).toEqual(ids);
      const [measures] = relay.outboxes.measures();
      // Which of them were in the one commit that was in doubt is chance.
      if (when === 'after the commit') expect(measures?.duplicates).toBeGreaterThan(0);
      else expect(measures?.duplicates).toBe(0);
      await until('all to arrive', () => {
        const arrived = api.receiver.at('/ok').map(({ headers }) => headers['webhook-id']);
        return new Set(arrived).size === ids.length ? true : undefined;
      });

      // Of what was in doubt.
      api.failures.length = 0;
      await api.stop();
      await proxy.close();
      await postgres.dropSchema(database);
    },
  );

  it('takes an event of a tenant that another node has made a moment before, every time', () =>
    withNodes(postgres, 2, async (...[one, relaying]) => {
      if (one === undefined || relaying === undefined) throw new Error('there are no two nodes');
      const application = await startApplication(postgres);
      const relay = startRelay(relaying, application.place);
      for (let round = 0; round < ROUNDS; round++) {
        const tenant = await one.tenant();
        await application.publish({ tenant, id: tenant });
      }
      await untilEmpty(application);
      await relay.stop();
      expect(await application.rows('angarium_outbox_failed')).toEqual([]);
      expect(relay.outboxes.measures()).toMatchObject([{ published: ROUNDS, refused: 0 }]);
    }));

  it('keeps what comes while the event store is away, and refuses nothing of it', async () => {
    const database = await postgres.createSchema();
    const proxy = await startSilentProxy(database);
    const api = await ApiServer.start({ database: proxy.url, maxLookMs: 900 });
    const tenant = await api.tenant();
    const application = await startApplication(postgres);
    proxy.fallSilent();
    const verdicts: string[] = [];
    const relay = startRelay(api, application.place, {
      wrap: (publish) => async (bodies) => {
        const found = await publish(bodies);
        verdicts.push(...found.map(({ kind }) => kind));
        return found;
      },
    });
    await application.publish({ tenant, id: 'waits' });
    await until('it to be kept', () => verdicts.includes('unavailable') || undefined);
    expect(await application.rows('angarium_outbox')).toHaveLength(1);
    proxy.speak();
    await untilEmpty(application);
    expect(await application.rows('angarium_outbox_failed')).toEqual([]);
    expect(await storedOf(api)).toEqual(['waits']);
    await relay.stop();
    api.failures.length = 0;
    await api.stop();
    await proxy.close();
    await postgres.dropSchema(database);
  });
});
