/** Servers whose way to the database leads through PgBouncer in transaction mode. Budget: 30 s. */
import { describe, expect, it, onTestFinished } from 'vitest';

import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { StorageOpenError } from '../../src/storage/storage.ts';
import { withNodes } from '../support/api-nodes.ts';
import type { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';
import { usePooledServer, whyNoPooledServer } from '../support/pooled-postgres.ts';

const DESTINATIONS = 12;
const EVENTS = 20;
const ROUNDS = 25;

const reason = await whyNoPooledServer();
if (reason !== null) describe('through PgBouncer', () => it.skip(reason));
else describe('through PgBouncer', describePooler);

function describePooler() {
  const postgres = usePooledServer();

  async function openTwo(direct: boolean) {
    const url = await postgres.createSchema();
    const directUrl = direct ? postgres.direct(url) : null;
    const storages = [
      await openPostgresStorage({ url, directUrl }),
      await openPostgresStorage({ url, directUrl }),
    ] as const;
    onTestFinished(async () => {
      for (const storage of storages) await storage.close();
    });
    return storages.map(({ nodes }) => {
      if (nodes === null) throw new Error('nodes share this database');
      return nodes;
    });
  }

  const listOf = (on: ApiServer, query: string) =>
    on
      .get<ListView<DeliveryView>>(`/v1/deliveries?limit=1000&${query}`)
      .then(({ body }) => body.models);

  it('three nodes deliver what each of them was given, and try again what failed', () =>
    withNodes(postgres, 3, async (...nodes) => {
      const [one] = nodes;
      if (one === undefined) throw new Error('there is no node');
      const tenantId = await one.tenant();
      for (let nth = 0; nth < DESTINATIONS; nth++)
        await one.destination(tenantId, {
          topics: ['a'],
          config: { url: one.receiver.url(`/${nth}`) },
        });
      await one.destination(tenantId, {
        topics: ['b'],
        config: { url: one.receiver.url('/status/500') },
        policy: { retry: { delays_s: [0, 0], jitter: 0 } },
      });
      const published = Array.from({ length: EVENTS }, async (_, nth) => {
        const on = nodes[nth % nodes.length] ?? one;
        const { status } = await on.publish({ tenant_id: tenantId, topic: 'a', data: { nth } });
        expect(status).toBe(202);
      });
      await Promise.all(published);
      for (const node of nodes) await node.publish({ tenant_id: tenantId, topic: 'b', data: {} });
      for (let nth = 0; nth < DESTINATIONS; nth++) await one.receiver.wait(`/${nth}`, EVENTS);
      await one.receiver.wait('/status/500', 3 * nodes.length);
      await until('all to be recorded', async () => {
        const delivered = await listOf(one, `tenant_id=${tenantId}&status=delivered`);
        const failed = await listOf(one, `tenant_id=${tenantId}&status=failed`);
        const isDone = delivered.length === DESTINATIONS * EVENTS && failed.length === nodes.length;
        return isDone ? true : undefined;
      });
      for (let nth = 0; nth < DESTINATIONS; nth++)
        expect(one.receiver.at(`/${nth}`)).toHaveLength(EVENTS);
    }));

  it('what one node changes counts for the next request on another', () =>
    withNodes(postgres, 2, async (...[one, other]) => {
      if (one === undefined || other === undefined) throw new Error('there are no two nodes');
      const tenantId = await one.tenant();
      const publish = async (on: ApiServer) =>
        (await on.publish({ tenant_id: tenantId, topic: 'a', data: {} })).body.destination_ids;
      for (let round = 0; round < ROUNDS; round++) {
        const [here, there] = round % 2 === 0 ? [one, other] : [other, one];
        const { id } = await here.destination(tenantId, { topics: ['a'] });
        expect(await publish(there)).toEqual([id]);
        await here.delete(`/v1/tenants/${tenantId}/destinations/${id}`);
        expect(await publish(there)).toEqual([]);
        const { id: keyId, token: key } = await here.key('read');
        expect((await there.request('GET', '/v1/tenants', { key })).status).toBe(200);
        await here.delete(`/v1/keys/${keyId}`);
        expect((await there.request('GET', '/v1/tenants', { key })).status).toBe(401);
      }
    }));

  it('nodes hear each other by the direct URL', async () => {
    const [one, other] = await openTwo(true);
    const { self } = (await other?.look()) ?? { self: 0 };
    const lane = { tenantId: 'acme', destinationId: 'd' };
    const heard: unknown[] = [];
    other?.onTold((lanes) => heard.push(...lanes));
    // It takes a moment until the other one listens.
    await until('it to be heard', async () => {
      await one?.tell({ node: self, lanes: [lane] });
      return heard[0];
    });
    expect(heard[0]).toEqual(lane);
  });

  it('a direct URL that leads elsewhere is refused', async () => {
    const url = await postgres.createSchema();
    const elsewhere = postgres.direct(await postgres.createSchema());
    const error: unknown = await openPostgresStorage({ url, directUrl: elsewhere }).catch(
      (refusal: unknown) => refusal,
    );
    expect(error).toBeInstanceOf(StorageOpenError);
    expect(String(error)).toMatch(/is another database, or leads to another schema of it/);
  });

  it('a server starts, delivers, stops and starts again', async () => {
    const cwd = temporaryFolder();
    const url = await postgres.createSchema();
    const env = {
      ANGARIUM_DATABASE_URL: url,
      ANGARIUM_DATABASE_DIRECT_URL: postgres.direct(url),
      ANGARIUM_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    };
    const receiver = await startReceiver();
    for (const nth of [1, 2]) {
      const server = await startServer({ cwd, env });
      if (nth === 1) {
        await server.api.tenant('acme');
        await server.api.destination('acme', { id: 'd', url: receiver.url('/d') });
      }
      await server.api.publish({ tenant_id: 'acme', data: { nth } });
      await receiver.wait('/d', nth);
      await server.stop();
    }
    const refused = await runAngarium(['serve'], {
      cwd,
      env: serverEnv({ ...env, ANGARIUM_DATABASE_DIRECT_URL: 'postgres://127.0.0.1:1/angarium' }),
    });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/cannot open postgres:\/\/127\.0\.0\.1:1\/angarium: /);
  });
}
