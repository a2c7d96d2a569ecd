/** What was answered on one node counts on every other from the next request. */
import { describe, expect, it } from 'vitest';

import type { Storage } from '../../src/storage/storage.ts';
import type { IssuedClientView } from '../support/api-clients.ts';
import { makeClient, subscriptionBody } from '../support/api-clients.ts';
import { withNodes } from '../support/api-nodes.ts';
import { ApiServer } from '../support/api-server.ts';
import type { ErrorView } from '../support/api-views.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const ROUNDS = 1000;
/** So many side by side, each over a tenant of its own: requests that come together share a look. */
const AT_ONCE = 20;
const FEW_ROUNDS = 100;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('a change on one node', () => {
  const postgres = usePostgresServer();
  const two = (test: (one: ApiServer, other: ApiServer) => Promise<void>) => () =>
    withNodes(postgres, 2, async (...[one, other]) => {
      if (one === undefined || other === undefined) throw new Error('there are no two nodes');
      await test(one, other);
    });

  /** Side by side; the rounds of one tenant go one after the other. */
  async function rounds(of: (round: number) => Promise<void>, count: number): Promise<void> {
    const oneByOne = async (_: unknown, first: number) => {
      for (let round = first; round < count; round += AT_ONCE) await of(round);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, oneByOne));
  }

  it(
    `of a destination counts for the next publish on another, ${ROUNDS} times`,
    two(async (one, other) => {
      const tenantIds = await Promise.all(Array.from({ length: AT_ONCE }, () => one.tenant()));
      await rounds(async (round) => {
        const tenantId = tenantIds[round % AT_ONCE] ?? '';
        const publish = async (on: ApiServer) =>
          (await on.publish({ tenant_id: tenantId, topic: 'a', data: {} })).body.destination_ids;
        // What the next round must not find any more was deleted here, or there.
        const turn = round + Math.floor(round / AT_ONCE / 2);
        const [here, there] = turn % 2 === 0 ? [one, other] : [other, one];
        const { id } = await here.destination(tenantId, { topics: ['a'] });
        expect(await publish(there)).toEqual([id]);
        if (round < FEW_ROUNDS) {
          await here.put(`/v1/tenants/${tenantId}/destinations/${id}/disable`);
          expect(await publish(there)).toEqual([]);
        }
        await here.delete(`/v1/tenants/${tenantId}/destinations/${id}`);
      }, ROUNDS);
    }),
  );

  it(
    'that makes or deletes a tenant counts for the next publish on another',
    two((one, other) =>
      rounds(async (round) => {
        const event = { tenant_id: `t-${round}`, topic: 'a', data: {} };
        await one.put(`/v1/tenants/${event.tenant_id}`);
        expect((await other.publish(event)).status).toBe(202);
        await one.delete(`/v1/tenants/${event.tenant_id}`);
        expect((await other.publish(event)).status).toBe(404);
        expect(other.engine.routing.tenant(event.tenant_id)).toBeUndefined();
      }, FEW_ROUNDS),
    ),
  );

  it('counts for a request that comes while another one looks, and may have looked before', async () => {
    const database = await postgres.createSchema();
    const one = await ApiServer.start({ database });
    const hasLooked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    let isHeld = false;
    const slowly = (storage: Storage): Storage => {
      const { nodes } = storage;
      if (nodes === null) throw new Error('there are nodes');
      const changes: typeof nodes.changes = async (query) => {
        const found = await nodes.changes(query);
        if (isHeld) {
          hasLooked.resolve();
          await gate.promise;
        }
        return found;
      };
      return { ...storage, nodes: { ...nodes, changes } };
    };
    const other = await ApiServer.start({ database, wrap: slowly });
    isHeld = true;
    const before = other.get('/v1/tenants');
    await hasLooked.promise;
    isHeld = false;
    const tenantId = await one.tenant();
    const publish = other.publish({ tenant_id: tenantId, topic: 'a', data: {} });
    gate.resolve();
    expect((await publish).status).toBe(202);
    expect((await before).status).toBe(200);
    await other.stop();
    await one.stop();
    await postgres.dropSchema(database);
  });

  it(
    'of a key counts for the next request on another',
    two(async (one, other) => {
      for (let round = 0; round < FEW_ROUNDS / 10; round++) {
        const { id, token: key } = await one.key('read');
        expect((await other.request('GET', '/v1/tenants', { key })).status).toBe(200);
        await one.delete(`/v1/keys/${id}`);
        expect((await other.request('GET', '/v1/tenants', { key })).status).toBe(401);
      }
    }),
  );

  it(
    'of an API client counts for the next request on another: its token, its permissions and its end',
    two(async (one, other) => {
      const tenantId = await one.tenant();
      const samples = async (key: string) =>
        (await other.request('GET', '/v1/hooks/samples?event=a', { key })).status;
      for (let round = 0; round < FEW_ROUNDS / 10; round++) {
        const made = await makeClient(one, tenantId);
        expect(await samples(made.token)).toBe(200);
        const path = `/v1/apiclients/${made.urn}`;
        const { body } = await one.post<IssuedClientView>(`${path}/rotate`, { overlap_s: 0 });
        expect([await samples(made.token), await samples(body.token)]).toEqual([401, 200]);
        const subscribe = () =>
          other.request<ErrorView>('POST', '/v1/webhooksubscriptions', {
            key: body.token,
            body: subscriptionBody(other, made),
          });
        const permissions = [{ subject: 'ENTITY', events: ['CREATE'] }];
        await one.patch(path, { full_access: false, permissions });
        expect((await subscribe()).status).toBe(403);
        await one.patch(path, { full_access: true });
        expect((await subscribe()).status).toBe(201);
        await one.delete(path);
        expect(await samples(body.token)).toBe(401);
      }
    }),
  );

  it(
    'of the topic catalogue counts for the next publish on another',
    two(async (one, other) => {
      const tenantId = await one.tenant();
      const schema = { type: 'object', required: ['a'] };
      await one.put('/v1/catalogue/strict', { schema, enforcement: 'reject' });
      const event = { tenant_id: tenantId, topic: 'strict', data: {} };
      expect((await other.publish(event)).status).toBe(422);
      await one.put('/v1/catalogue/strict', { schema, enforcement: 'off' });
      expect((await other.publish(event)).status).toBe(202);
    }),
  );
});
