/** A read replica, a real one that follows by streaming: what is read there, and what never is. Budget: 60 s. */
import { describe, expect, it, onTestFinished } from 'vitest';

import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import type { PostgresOptions } from '../../src/storage/postgres/storage.ts';
import { StorageOpenError } from '../../src/storage/storage.ts';
import { withApi } from '../support/api-server.ts';
import type { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, EventView, ListView } from '../support/api-views.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { heldClock } from '../support/held-clock.ts';
import { whyNoOwnPostgres } from '../support/postgres-server.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { startReplicatedPostgres } from '../support/streaming-replica.ts';

/** From there on it is not used (docs/operations/postgres.md). */
const MAX_LAG_S = 4;

const reason = await whyNoOwnPostgres();
if (reason !== null) describe('a read replica', () => it.skip(reason));
else describe('a read replica', describeReplica);

function describeReplica() {
  /** What was told of the replica, in order. */
  const listening = () => {
    const told: (string | null)[] = [];
    return { told, onReplica: (problem: string | null) => void told.push(problem) };
  };
  const isListed = async (api: ApiServer, tenantId: string, id: string) => {
    const { body } = await api.get<ListView<EventView>>(`/v1/events?tenant_id=${tenantId}`);
    return body.models.some((event) => event.id === id);
  };
  const untilListed = (api: ApiServer, tenantId: string, id: string) =>
    until(`${id} in the list`, async () =>
      (await isListed(api, tenantId, id)) ? true : undefined,
    );

  /** What `/metrics` says of it. */
  async function measured(api: ApiServer): Promise<Record<string, number>> {
    const { text } = await api.get('/metrics');
    const found = text.matchAll(/^angarium_replica_(\w+) (\S+)$/gm);
    return Object.fromEntries(Array.from(found, ([, name, value]) => [name, Number(value)]));
  }

  async function publishAndDeliver(api: ApiServer, tenantId: string, id: string): Promise<void> {
    await api.publish({ tenant_id: tenantId, id, topic: 'a', data: { says: id } });
    await until(`${id} to be delivered`, async () => {
      const { body } = await api.get<ListView<DeliveryView>>(`/v1/deliveries?event_id=${id}`);
      return body.models[0]?.status === 'delivered' ? true : undefined;
    });
  }

  it('answers lists and counts, and nothing that has to know of what was answered just now', async () => {
    const postgres = await startReplicatedPostgres();
    const storageClock = heldClock();
    const { told, onReplica } = listening();
    const { url: database, replica } = postgres;
    const options = { database, readDatabase: replica.url, storageClock, onReplica };
    await withApi(options, async (api) => {
      const tenantId = await api.tenant();
      await api.destination(tenantId, { id: 'd' });
      await publishAndDeliver(api, tenantId, 'before');
      await untilListed(api, tenantId, 'before');
      await until('the replica to be used', () => (told.at(-1) === null ? true : undefined));
      await until('that in the metrics', async () => {
        const { used, lag_seconds: lag = Infinity } = await measured(api);
        return used === 1 && lag < MAX_LAG_S ? true : undefined;
      });
      await until('its count', async () => {
        const { text } = await api.get(`/v1/usage?tenant_id=${tenantId}`);
        return text.includes('"billable_attempts":1') ? true : undefined;
      });

      // Nobody looks how far behind it is.
      storageClock.hold();
      await postgres.pause();
      await publishAndDeliver(api, tenantId, 'after');
      const minutes = `time[start]=${new Date(Date.now() - 3_600_000).toISOString()}&time[end]=${new Date(Date.now() + 60_000).toISOString()}`;
      const numberOf = (text: string) => Number(/"count":(\d+)/.exec(text)?.[1]);
      const answer = async (path: string) => (await api.get(path)).text;
      for (const path of [
        `/v1/events?tenant_id=${tenantId}`,
        `/v1/events?tenant_id=${tenantId}&search=says`,
        `/v1/deliveries?tenant_id=${tenantId}`,
        `/v1/attempts?tenant_id=${tenantId}`,
        `/v1/tenants/${tenantId}/destinations/d/attempts`,
        `/v1/exports/events?tenant_id=${tenantId}`,
        `/v1/exports/attempts?tenant_id=${tenantId}`,
      ]) {
        const text = await answer(path);
        expect(text, path).toContain('before');
        expect(text, path).not.toContain('after"');
      }
      for (const kind of ['events', 'attempts']) {
        const path = `/v1/metrics/${kind}?${minutes}&measures=count&filters[tenant_id]=${tenantId}`;
        expect(numberOf(await answer(path)), path).toBe(1);
      }
      expect(await answer(`/v1/usage?tenant_id=${tenantId}`)).toContain('"billable_attempts":1');

      // Of what has a name, and of what people set up, the database itself is asked.
      for (const path of [
        '/v1/events/after',
        '/v1/events?id=after',
        '/v1/deliveries?event_id=after',
        '/v1/attempts?event_id=after',
        '/v1/events/after/attempts',
      ])
        expect(await answer(path), path).toContain('after');
      const again = await api.publish({
        tenant_id: tenantId,
        id: 'after',
        topic: 'a',
        data: { says: 'after' },
      });
      expect(again.body.duplicate).toBe(true);
      const late = await api.tenant();
      await api.destination(late, { id: 'of-late' });
      expect(await answer('/v1/tenants')).toContain(late);
      expect(await answer(`/v1/tenants/${late}/destinations`)).toContain('of-late');
      expect(await answer('/v1/audit?action=destination.created')).toContain('of-late');
      const published = await api.publish({ tenant_id: late, topic: 'a', data: {} });
      expect(published.body.destination_ids).toEqual(['of-late']);
      await api.post('/v1/retry', { event_id: 'after', destination_id: 'd' });
      await api.receiver.wait('/ok', 4);

      // It is far behind, and that is found out.
      storageClock.release();
      await untilListed(api, tenantId, 'after');
      expect(told.at(-1)).toBe('it is too far behind');
      const behind = await measured(api);
      expect(behind.used).toBe(0);
      expect(behind.lag_seconds).toBeGreaterThan(MAX_LAG_S);
      await postgres.resume();
      await until('it to be used again', () => (told.at(-1) === null ? true : undefined));
      await until('that in the metrics', async () => {
        const { used, lag_seconds: lag = Infinity } = await measured(api);
        return used === 1 && lag < MAX_LAG_S ? true : undefined;
      });
      expect(await isListed(api, tenantId, 'after')).toBe(true);
    });
  });

  it('that goes away, or falls silent, is not waited for; it is used again when it is back', async () => {
    const postgres = await startReplicatedPostgres();
    const proxy = await startSilentProxy(postgres.replica.url);
    onTestFinished(() => proxy.close());
    const { told, onReplica } = listening();
    const options = { database: postgres.url, readDatabase: proxy.url, onReplica };
    const isUsed = () =>
      until('the replica to be used', () => (told.at(-1) === null ? true : undefined));
    await withApi(options, async (api) => {
      const tenantId = await api.tenant();
      await api.publish({ tenant_id: tenantId, id: 'one', topic: 'a', data: {} });
      await untilListed(api, tenantId, 'one');
      await isUsed();

      proxy.fallSilent();
      // Some of them wait there, until that is given up.
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => isListed(api, tenantId, 'one')),
      );
      expect(answers).toEqual(answers.map(() => true));
      await until('it to be told', () => (told.at(-1) === null ? undefined : true));
      // It has not been heard of since.
      const { lag_seconds: before } = await measured(api);
      await until('the lag to grow', async () =>
        Number((await measured(api)).lag_seconds) > Number(before) ? true : undefined,
      );
      proxy.speak();
      await isUsed();

      await postgres.replica.stop();
      expect(await isListed(api, tenantId, 'one')).toBe(true);
      await until('it to be told', () => (told.at(-1) === null ? undefined : true));
      expect(told.at(-1)).toMatch(/timeout|ECONN|terminat|recovery|starting|shutting/i);
      await postgres.replica.start();
      await isUsed();
      expect(await isListed(api, tenantId, 'one')).toBe(true);
    });
  });

  it('may be away when a server starts, but may not be of another database', async () => {
    const postgres = await startReplicatedPostgres();
    const { told, onReplica } = listening();
    const open = (options: Partial<PostgresOptions>) =>
      openPostgresStorage({ url: postgres.url, onReplica, ...options });
    const without = await open({ readUrl: 'postgres://127.0.0.1:1/postgres' });
    expect(told).toEqual([expect.stringMatching(/ECONNREFUSED.*: is the server running/)]);
    const topics = { tenantIds: [], topics: [], destinationId: null, ids: [] };
    const found = await without.eventList({
      ...topics,
      time: { fromMs: null, toMs: null },
      page: { limit: 1, order: 'asc', from: null },
      mayLag: true,
    });
    expect(found.rows).toEqual([]);
    expect(without.replica?.()).toEqual({ isUsed: false, lagMs: null });
    await without.close();

    await postgres.query('CREATE DATABASE other');
    const other = postgres.url.replace(/postgres$/, 'other');
    const alone = await open({ url: other });
    expect(alone.replica?.()).toBeNull();
    await alone.close();
    const refused: unknown = await open({ readUrl: other }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StorageOpenError);
    expect(String(refused)).toMatch(/\/other is another database: a replica has to follow/);
  });

  it('is said in the log', async () => {
    const postgres = await startReplicatedPostgres();
    const server = await startServer({
      cwd: temporaryFolder(),
      env: {
        ANGARIUM_DATABASE_URL: postgres.url,
        ANGARIUM_DATABASE_READ_URL: postgres.replica.url,
        ANGARIUM_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      },
    });
    await untilTrue('its use', () => server.running.stderr().includes('from the read replica'));
    await server.api.tenant('acme');
    await postgres.replica.stop();
    await untilTrue('its end', () =>
      server.running.stderr().includes('the read replica is not used'),
    );
    await server.stop();
  });
}
