/**
 * A destination's own limits, where its events are published on every node: its rate, its breaker, its end after failures. What
 * of them begins anew when its lane goes to another node is bounded.
 */
import { describe, expect, it } from 'vitest';

import { agreed, startMember } from '../support/api-members.ts';
import type { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AuditView, DestinationView, ListView } from '../support/api-views.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import type { Hit, Receiver } from '../support/e2e-receiver.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();
const ID = 'one';
const NO_RETRY = { delays_s: [] };

interface Scene {
  readonly nodes: readonly ApiServer[];
  readonly tenantId: string;
  readonly receiver: Receiver;
  /** So many events for it, on each of those nodes. */
  publish(on: readonly ApiServer[], each: number): Promise<void>;
  /** As that node shows it. */
  state(on: ApiServer): Promise<DestinationView['state']>;
  /** The node that has the lane. */
  owner(): Promise<ApiServer>;
  /** That one ends, in good order; gives the others. */
  withoutOwner(): Promise<readonly [ApiServer, ApiServer]>;
}

/** How many came with less than a second between them. */
function runsOf(hits: readonly Hit[]): number[] {
  const runs: number[] = [];
  hits.forEach(({ atMs }, index) => {
    const before = hits[index - 1]?.atMs ?? -Infinity;
    if (atMs - before >= 1000) runs.push(0);
    runs.push((runs.pop() ?? 0) + 1);
  });
  return runs;
}

describe.skipIf(reason !== null)('a destination', () => {
  const postgres = usePostgresServer();

  /** Three nodes, and one destination of that policy, at `/one` of the receiver. */
  async function withThree(policy: object, test: (scene: Scene) => Promise<void>): Promise<void> {
    const database = await postgres.createSchema();
    const start = () => startMember({ database });
    const members = [await start(), await start(), await start()] as const;
    // Before that the first one takes the lane, whosever it shall be.
    await agreed(members, { deliverers: 3, publishers: 3 });
    const nodes = members.map(({ node }) => node);
    const [{ node: first }] = members;
    const running = new Set(nodes);
    const receiver = await startReceiver();
    const tenantId = await first.tenant();
    await first.destination(tenantId, { id: ID, config: { url: receiver.url('/one') }, policy });
    const event = { tenant_id: tenantId, destination_id: ID, data: {} };
    const owner = () =>
      until('a node to have the lane', () =>
        [...running].find(({ engine: { dispatcher } }) => {
          const lane = dispatcher.laneOf(tenantId, ID);
          return lane !== undefined && dispatcher.owners?.owns(lane) === true;
        }),
      );
    try {
      await test({
        nodes,
        tenantId,
        receiver,
        async publish(on, each) {
          const events = Array.from({ length: each }, () => event);
          for (const node of on) {
            const { status } = await node.post('/v1/publish/batch', { events });
            expect(status).toBe(202);
          }
        },
        async state(on) {
          const path = `/v1/tenants/${tenantId}/destinations/${ID}`;
          return (await on.get<DestinationView>(path)).body.state;
        },
        owner,
        async withoutOwner() {
          const gone = await owner();
          running.delete(gone);
          await gone.stop();
          const [one, other] = running;
          if (one === undefined || other === undefined) throw new Error('two nodes stay');
          return [one, other];
        },
      });
    } finally {
      await Promise.all([...running].map((node) => node.stop()));
      await postgres.dropSchema(database);
    }
  }

  it('has its rate over all nodes, and one attempt more where its lane goes to another', () => {
    // The highest whose burst is one.
    const perMinute = 119;
    return withThree({ rate_per_minute: perMinute }, async (scene) => {
      const { nodes, receiver } = scene;
      const startedAtMs = Date.now();
      await scene.publish(nodes, 3);
      await receiver.wait('/one', 4);
      const before = [...receiver.hits('/one')];
      await scene.withoutOwner();
      const all = await receiver.wait('/one', 9);
      const earliest = (index: number, more: number) =>
        startedAtMs + ((index - more) * 60_000) / perMinute;
      for (const [index, { atMs }] of before.entries())
        expect(atMs).toBeGreaterThanOrEqual(earliest(index, 0));
      for (const [index, { atMs }] of all.entries())
        expect(atMs).toBeGreaterThanOrEqual(earliest(index, 1));
      expect(all).toHaveLength(9);
    });
  });

  it('has one breaker over all nodes, which begins closed where its lane goes to another', () =>
    withThree({ retry: NO_RETRY, concurrency: 1 }, async (scene) => {
      const { nodes, receiver } = scene;
      receiver.behave('/one', () => 503);
      await scene.publish(nodes, 10);
      // It opens after 20, and lets one through after a second.
      await receiver.wait('/one', 21);
      expect(runsOf(receiver.hits('/one').slice(0, 21))[0]).toBeLessThanOrEqual(20);
      const left = await scene.withoutOwner();
      await scene.publish(left, 10);
      await receiver.wait('/one', 42);
      // That one, and the 20 after which it is open on the other node.
      expect(Math.max(...runsOf(receiver.hits('/one')))).toBeLessThanOrEqual(21);
    }));

  it('is disabled once, when all nodes together have failed so often, wherever its lane was', () =>
    withThree(
      { retry: NO_RETRY, concurrency: 1, disable: { consecutive_failures: 5 } },
      async (scene) => {
        const { nodes, receiver, tenantId } = scene;
        receiver.behave('/one', () => 500);
        const failed = async (count: number) => {
          await receiver.wait('/one', count);
          const owner = await scene.owner();
          await until(`${count} failures`, async () =>
            (await scene.state(owner)).consecutive_failures === count ? true : undefined,
          );
        };
        for (const node of nodes) await scene.publish([node], 1);
        await failed(3);
        const left = await scene.withoutOwner();
        // One by one: what is under way when it is disabled would be sent.
        await scene.publish([left[0]], 1);
        await failed(4);
        await scene.publish([left[1]], 1);
        const event = { tenant_id: tenantId, destination_id: ID, data: {} };
        for (const node of left) {
          await until('it to be disabled', async () =>
            (await scene.state(node)).reason === 'consecutive_failures' ? true : undefined,
          );
          expect((await node.publish(event)).body.destination_ids).toEqual([]);
        }
        // Whatever was still to be sent would have gone before what comes later.
        await left[0].destination(tenantId, { id: 'two', config: { url: receiver.url('/two') } });
        for (const node of left)
          await node.publish({ tenant_id: tenantId, destination_id: 'two', data: {} });
        await receiver.wait('/two', 2);
        expect(receiver.hits('/one')).toHaveLength(5);
        const path = `/v1/audit?tenant_id=${tenantId}&action=destination.disabled`;
        const { body } = await left[0].get<ListView<AuditView>>(path);
        expect(body.models.map(({ actor }) => actor.name)).toEqual(['consecutive_failures']);
      },
    ));
});
