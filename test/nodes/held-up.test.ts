/**
 * All that is done in order holds the row of numbers. A node that stands still while it does keeps nobody waiting for long:
 * the others refuse publishes, and the server ends its transaction. Budget: 40 s.
 */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';

import { beginInOrder } from '../../src/storage/postgres/begin.ts';
import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';
import { startHoldingProxy } from '../support/holding-proxy.ts';
import { usePooledServer, whyNoPooledServer } from '../support/pooled-postgres.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import type { PostgresServer } from '../support/postgres-server.ts';

/** More than go into the groups that two nodes have under way. */
const PUBLISHES = 2500;

const WAYS = [
  { way: 'to PostgreSQL', use: usePostgresServer, reason: await whyNoPostgres() },
  { way: 'through PgBouncer', use: usePooledServer, reason: await whyNoPooledServer() },
];

for (const { way, use, reason } of WAYS)
  if (reason === null)
    describe(`while another one holds the row of numbers (${way})`, () => describeHolding(use()));
  else it.skip(`while another one holds the row of numbers (${way}): ${reason}`);

function describeHolding(postgres: PostgresServer) {
  /** Somebody who begins as a node does, or otherwise, and then says nothing any more. */
  async function begins(database: string, sql: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end());
    await client.query(sql);
    return client;
  }

  /** A tenant with a destination that wants order, and what was accepted for it. */
  async function ordered(api: ApiServer) {
    const tenantId = await api.tenant();
    await api.destination(tenantId, {
      id: 'ordered',
      topics: ['a'],
      policy: { order: 'key' },
    });
    const accepted: string[] = [];
    return {
      tenantId,
      publish: async (on: ApiServer) => {
        const event = { tenant_id: tenantId, topic: 'a', order_key: 'k', data: {} };
        const answer = await on.publish(event);
        if (answer.status === 202) accepted.push(answer.body.id);
        return answer;
      },
      /** All of it, once and in order. */
      arrives: async () => {
        await until('all to be recorded', async () => {
          const path = `/v1/deliveries?tenant_id=${tenantId}&destination_id=ordered&status=delivered`;
          const { models } = (await api.get<ListView<DeliveryView>>(path)).body;
          return models.length >= accepted.length ? true : undefined;
        });
        const arrived = api.receiver.at('/ok').map(({ headers }) => headers['webhook-id']);
        expect(arrived).toEqual(accepted);
      },
    };
  }

  it('nodes refuse all that waits, keep the outcomes, and go on when it is free', async () => {
    const database = await postgres.createSchema();
    const nodes = [
      await ApiServer.start({ database }),
      await ApiServer.start({ database }),
    ] as const;
    const [one, other] = nodes;
    const { tenantId, publish, arrives } = await ordered(one);
    const held = { topics: ['b'], config: { url: one.receiver.url('/hold/under-way') } };
    await one.destination(tenantId, held);
    await publish(one);
    const underWay = await one.publish({ tenant_id: tenantId, topic: 'b', data: {} });
    await one.receiver.wait('/hold/under-way', 1);

    const holder = await begins(database, 'BEGIN; SELECT FROM numbers FOR UPDATE');
    // What is under way ends now, and cannot be written down yet.
    one.receiver.release('under-way');
    const answers = await Promise.all(
      Array.from({ length: PUBLISHES }, (_, nth) => publish(nodes[nth % 2] ?? other)),
    );
    expect([...new Set(answers.map(({ status }) => status))]).toEqual([503]);
    for (const { headers } of answers) expect(headers['retry-after']).toBeDefined();
    expect((await other.put('/v1/tenants/of-then')).status).toBe(503);
    await holder.query('ROLLBACK');

    for (const node of nodes) expect((await publish(node)).status).toBe(202);
    const path = `/v1/deliveries?event_id=${underWay.body.id}`;
    await until('what was under way to be recorded', async () => {
      const { models } = (await one.get<ListView<DeliveryView>>(path)).body;
      return models.length > 0 && models.every(({ status }) => status === 'delivered')
        ? true
        : undefined;
    });
    expect(one.receiver.at('/hold/under-way')).toHaveLength(1);
    await arrives();
    for (const node of nodes) {
      // Of what was asked meanwhile.
      node.failures.length = 0;
      await node.stop();
    }
    await postgres.dropSchema(database);
  });

  it('the server ends a transaction of a node that says nothing any more', async () => {
    const database = await postgres.createSchema();
    const api = await ApiServer.start({ database });
    const { publish, arrives } = await ordered(api);
    const silent = await begins(database, beginInOrder(1));
    // It never ends by itself.
    await until('a publish to be taken', async () =>
      (await publish(api)).status === 202 ? true : undefined,
    );
    await expect(silent.query('COMMIT')).rejects.toThrow();
    await arrives();
    api.failures.length = 0;
    await api.stop();
    await postgres.dropSchema(database);
  });

  it.for([
    // The server itself ends it, and says so.
    { moment: 'taken', status: 202 },
    // Another node has it ended.
    { moment: 'half sent', status: 503 },
  ] as const)(
    'the server ends what a node has begun ($moment), which then knows that nothing was kept ($status)',
    async ({ moment, status }) => {
      const database = await postgres.createSchema();
      const proxy = await startHoldingProxy(database);
      const frozen = await ApiServer.start({ database: proxy.url });
      const other = await ApiServer.start({ database });
      const { publish, arrives } = await ordered(frozen);
      const isHeld = proxy.holdNext(moment);
      const answer = publish(frozen);
      await isHeld;
      await until('the other one to be free', async () =>
        (await publish(other)).status === 202 ? true : undefined,
      );
      proxy.letGo();
      expect((await answer).status).toBe(status);
      await arrives();
      for (const node of [frozen, other]) {
        node.failures.length = 0;
        await node.stop();
      }
      await proxy.close();
      await postgres.dropSchema(database);
    },
  );
}
