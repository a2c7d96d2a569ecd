/** Nodes that do not do all. */
import { describe, expect, it } from 'vitest';

import { ApiServer, withApi } from '../support/api-server.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('a node that does not deliver', () => {
  const postgres = usePostgresServer();

  it('takes publishes, and leaves their delivery to one that does, whenever that comes', async () => {
    const database = await postgres.createSchema();
    const takes = await ApiServer.start({ database, delivers: false });
    const tenantId = await takes.tenant();
    await takes.destination(tenantId);
    const publish = () => takes.publish({ tenant_id: tenantId, topic: 'a', data: {} });
    expect((await publish()).status).toBe(202);
    expect(await postgres.query(`SELECT owner FROM ${schemaOf(database)}.lanes`)).toEqual([]);
    expect(takes.receiver.at('/ok')).toHaveLength(0);
    const delivers = await ApiServer.start({ database });
    await takes.receiver.wait('/ok', 1);
    await publish();
    await takes.receiver.wait('/ok', 2);
    await delivers.stop();
    await takes.stop();
    await postgres.dropSchema(database);
  });
});

describe('a node that does not answer the API', () => {
  it('says whether it is well, and nothing else', () =>
    withApi({ answersApi: false }, async (node) => {
      expect((await node.request('GET', '/readyz', { key: null })).status).toBe(200);
      expect((await node.get('/v1/tenants')).status).toBe(404);
      const event = { tenant_id: 't', topic: 'a', data: {} };
      expect((await node.publish(event)).status).toBe(404);
    }));
});
