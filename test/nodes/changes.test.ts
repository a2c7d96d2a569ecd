/** What was answered on one node counts on every other from the next request. */
import { describe, expect, it } from 'vitest';

import { withNodes } from '../support/api-nodes.ts';
import type { ApiServer } from '../support/api-server.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const ROUNDS = 50;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('a change on one node', () => {
  const postgres = usePostgresServer();
  const two = (test: (one: ApiServer, other: ApiServer) => Promise<void>) => () =>
    withNodes(postgres, 2, async (...[one, other]) => {
      if (one === undefined || other === undefined) throw new Error('there are no two nodes');
      await test(one, other);
    });

  it(
    'of a destination counts for the next publish on another, every time',
    two(async (one, other) => {
      const tenantId = await one.tenant();
      const publish = async (on: ApiServer) =>
        (await on.publish({ tenant_id: tenantId, topic: 'a', data: {} })).body.destination_ids;
      for (let round = 0; round < ROUNDS; round++) {
        const [here, there] = round % 2 === 0 ? [one, other] : [other, one];
        const { id } = await here.destination(tenantId, { topics: ['a'] });
        expect(await publish(there)).toEqual([id]);
        await here.put(`/v1/tenants/${tenantId}/destinations/${id}/disable`);
        expect(await publish(there)).toEqual([]);
        await here.delete(`/v1/tenants/${tenantId}/destinations/${id}`);
      }
    }),
  );

  it(
    'that makes or deletes a tenant counts for the next publish on another',
    two(async (one, other) => {
      for (let round = 0; round < ROUNDS; round++) {
        const event = { tenant_id: `t-${round}`, topic: 'a', data: {} };
        await one.put(`/v1/tenants/${event.tenant_id}`);
        expect((await other.publish(event)).status).toBe(202);
        await one.delete(`/v1/tenants/${event.tenant_id}`);
        expect((await other.publish(event)).status).toBe(404);
        expect(other.engine.routing.tenant(event.tenant_id)).toBeUndefined();
      }
    }),
  );

  it(
    'of a key counts for the next request on another',
    two(async (one, other) => {
      for (let round = 0; round < ROUNDS / 5; round++) {
        const { id, token: key } = await one.key('read');
        expect((await other.request('GET', '/v1/tenants', { key })).status).toBe(200);
        await one.delete(`/v1/keys/${id}`);
        expect((await other.request('GET', '/v1/tenants', { key })).status).toBe(401);
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
