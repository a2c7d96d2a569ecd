/** What is bounded for a tenant, or for a receiving origin, is bounded over all nodes: each has its share. */
import { describe, expect, it } from 'vitest';

import { agreed, startMember } from '../support/api-members.ts';
import type { Member } from '../support/api-members.ts';
import type { ApiServer } from '../support/api-server.ts';
import { countingReceiver } from '../support/api-counting-receiver.ts';
import type { CountingReceiver } from '../support/api-counting-receiver.ts';
import type { BatchView } from '../support/api-views.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();

const DESTINATIONS = 12;
const EVENTS = 4;

/** A tenant of those limits, and its destinations: their ids say which node has them. */
async function makeTenant(node: ApiServer, receiver: CountingReceiver, limits: object) {
  const tenantId = await node.tenant();
  await node.put(`/v1/tenants/${tenantId}`, { limits });
  for (let n = 0; n < DESTINATIONS; n++)
    await node.destination(tenantId, {
      id: `destination-${n}`,
      config: { url: receiver.url(`${tenantId}/${n}`) },
    });
  return tenantId;
}

const batchOf = (tenantId: string) =>
  Array.from({ length: EVENTS }, () => ({ tenant_id: tenantId, data: {} }));

/** On each of them; resolves when all has arrived. */
async function publishOn(
  members: readonly Member[],
  receiver: CountingReceiver,
  tenantIds: readonly string[],
): Promise<void> {
  const before = receiver.answered();
  await Promise.all(
    members.map(async ({ node }) => {
      const answer = await node.post('/v1/publish/batch', { events: tenantIds.flatMap(batchOf) });
      expect(answer.status).toBe(202);
    }),
  );
  const count = members.length * tenantIds.length * EVENTS * DESTINATIONS;
  await untilTrue(`${count} answers`, () => receiver.answered() - before === count);
}

async function stopAll(members: readonly Member[]): Promise<void> {
  await Promise.all(members.map(({ node }) => node.stop()));
}

describe.skipIf(reason !== null)('over several nodes', () => {
  const postgres = usePostgresServer();

  it('a tenant has as many attempts under way as its limit says, whoever comes and goes', async () => {
    const database = await postgres.createSchema();
    const receiver = await countingReceiver();
    const first = await startMember({ database });
    const tenantId = await makeTenant(first.node, receiver, { concurrency: 4 });
    await publishOn([first], receiver, [tenantId]);
    expect(receiver.most(tenantId)).toBe(4);
    const second = await startMember({ database });
    const third = await startMember({ database });
    await agreed([first, second, third], { deliverers: 3, publishers: 3 });
    receiver.forget();
    await publishOn([first, second, third], receiver, [tenantId]);
    expect(receiver.most(tenantId)).toBe(4);
    await second.node.stop();
    await agreed([first, third], { deliverers: 2, publishers: 2 });
    receiver.forget();
    await publishOn([first, third], receiver, [tenantId]);
    expect(receiver.most(tenantId)).toBe(4);
    await stopAll([first, third]);
    await postgres.dropSchema(database);
  });

  it('an origin has as many of all tenants as it may have, and of one as its limit says', async () => {
    const database = await postgres.createSchema();
    const receiver = await countingReceiver();
    const options = { database, dispatcherLimits: { maxPerOrigin: 6 } };
    const members = [await startMember(options), await startMember(options)];
    members.push(await startMember(options));
    await agreed(members, { deliverers: 3, publishers: 3 });
    const { node } = members[0] ?? (await startMember(options));
    const bounded = await makeTenant(node, receiver, { concurrency_per_origin: 3 });
    const other = await makeTenant(node, receiver, {});
    await publishOn(members, receiver, [bounded, other]);
    expect([receiver.most(bounded), receiver.most('all')]).toEqual([3, 6]);
    await stopAll(members);
    await postgres.dropSchema(database);
  });

  it('a tenant publishes as much as its rate says: each node that takes any grants its part', async () => {
    const database = await postgres.createSchema();
    const publishers = [await startMember({ database }), await startMember({ database })];
    const third = await startMember({ database, delivers: false });
    const other = await startMember({ database, publishes: false, answersApi: false });
    await agreed([...publishers, third, other], { deliverers: 3, publishers: 3 });
    // A call is granted at one moment: nothing is filled up meanwhile.
    const granted = async ({ node }: Member, tenantId: string) => {
      const events = { events: batchOf(tenantId) };
      const { body } = await node.post<BatchView>('/v1/publish/batch', events);
      return body.results.filter((result) => !('error' in result)).length;
    };
    const tenantWith = async (perMinute: number) => {
      const tenantId = await third.node.tenant();
      await third.node.put(`/v1/tenants/${tenantId}`, {
        limits: { publish_per_minute: perMinute },
      });
      return tenantId;
    };
    const six = await tenantWith(6);
    const one = await tenantWith(1);
    for (const member of [...publishers, third])
      expect([await granted(member, six), await granted(member, one)]).toEqual([2, 1]);
    await third.node.stop();
    await agreed([...publishers, other], { deliverers: 3, publishers: 2 });
    const [stays] = publishers;
    if (stays === undefined) throw new Error('there is a node');
    await stays.node.put('/v1/tenants/another', { limits: { publish_per_minute: 6 } });
    for (const member of publishers) expect(await granted(member, 'another')).toBe(3);
    await stopAll([...publishers, other]);
    await postgres.dropSchema(database);
  });
});
