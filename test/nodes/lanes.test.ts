/** A destination's lane belongs to one node at a time, wherever its events are published. */
import { describe, expect, it } from 'vitest';

import type { Storage } from '../../src/storage/storage.ts';
import { withNodes } from '../support/api-nodes.ts';
import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('lanes over several nodes', () => {
  const postgres = usePostgresServer();

  async function ownersOf(database: string): Promise<number[]> {
    const rows = await postgres.query(
      `SELECT DISTINCT owner FROM ${schemaOf(database)}.lanes ORDER BY owner`,
    );
    return rows.map(({ owner }) => Number(owner));
  }

  const delivered = async (on: ApiServer, tenantId: string) => {
    const path = `/v1/deliveries?tenant_id=${tenantId}&status=delivered&limit=1000`;
    return (await on.get<ListView<DeliveryView>>(path)).body.models.length;
  };

  it('have one attempt under way at a time where the destination says so', () =>
    withNodes(postgres, 3, async (...nodes) => {
      const [first] = nodes;
      if (first === undefined) throw new Error('there is no node');
      const tenantId = await first.tenant();
      const held = { url: first.receiver.url('/hold/one') };
      const policy = { concurrency: 1 };
      await first.destination(tenantId, { topics: ['a'], config: held, policy });
      for (const [index] of nodes.entries())
        await first.destination(tenantId, {
          topics: ['b'],
          config: { url: first.receiver.url(`/after-${index}`) },
        });
      const publish = (on: ApiServer, topic: string) =>
        on.publish({ tenant_id: tenantId, topic, data: {} });
      for (const node of [...nodes, ...nodes, ...nodes]) await publish(node, 'a');
      await first.receiver.wait('/hold/one', 1);
      // Whatever another node might have begun, it has begun when it has delivered what came later.
      for (const node of nodes) await publish(node, 'b');
      for (const [index] of nodes.entries())
        await first.receiver.wait(`/after-${index}`, nodes.length);
      expect(first.receiver.at('/hold/one')).toHaveLength(1);
      first.receiver.release('one');
      await first.receiver.wait('/hold/one', 9);
      await until('all to be recorded', async () =>
        (await delivered(first, tenantId)) === 9 + 9 ? true : undefined,
      );
      expect(first.receiver.at('/hold/one')).toHaveLength(9);
    }));

  it('are shared out when a node comes, and taken back when it goes', async () => {
    const database = await postgres.createSchema();
    const one = await ApiServer.start({ database });
    const tenantId = await one.tenant();
    const count = 24;
    for (let index = 0; index < count; index++)
      await one.destination(tenantId, { config: { url: one.receiver.url(`/${index}`) } });
    let published = 0;
    const publish = async (on: ApiServer) => {
      await on.publish({ tenant_id: tenantId, topic: 'a', data: {} });
      published++;
      for (let index = 0; index < count; index++) await one.receiver.wait(`/${index}`, published);
    };
    await publish(one);
    expect(await ownersOf(database)).toHaveLength(1);
    const other = await ApiServer.start({ database });
    // One that does not listen yet is not told; a lane that is owed nothing is then taken with what comes next.
    await until('lanes to have moved', async () => {
      await publish(one);
      return (await ownersOf(database)).length === 1 ? undefined : true;
    });
    for (const node of [one, other, one, other]) await publish(node);
    await other.stop();
    await publish(one);
    await until('lanes to have come back', async () =>
      (await ownersOf(database)).length === 1 ? true : undefined,
    );
    await publish(one);
    await until('all to be recorded', async () =>
      (await delivered(one, tenantId)) === published * count ? true : undefined,
    );
    for (let index = 0; index < count; index++)
      expect(one.receiver.at(`/${index}`)).toHaveLength(published);
    await one.stop();
    await postgres.dropSchema(database);
  });

  it('are let go where a node came while they were being taken', async () => {
    const database = await postgres.createSchema();
    const gate = Promise.withResolvers<void>();
    let seen = 0;
    const slowly = (storage: Storage): Storage => {
      const { nodes } = storage;
      if (nodes === null) throw new Error('there are nodes');
      return {
        ...storage,
        nodes: {
          ...nodes,
          lanesTake: async (query) => {
            const taken = await nodes.lanesTake(query);
            await gate.promise;
            return taken;
          },
          look: async () => {
            const view = await nodes.look();
            seen = view.deliverers.length;
            return view;
          },
        },
      };
    };
    const one = await ApiServer.start({ database, wrap: slowly });
    const tenantId = await one.tenant();
    const count = 24;
    for (let index = 0; index < count; index++)
      await one.destination(tenantId, { config: { url: one.receiver.url(`/${index}`) } });
    await one.publish({ tenant_id: tenantId, topic: 'a', data: {} });
    await until('it to take them', async () =>
      (await ownersOf(database)).length === 1 ? true : undefined,
    );
    const other = await ApiServer.start({ database });
    await until('it to see the other one', () => (seen === 2 ? true : undefined));
    gate.resolve();
    await other.publish({ tenant_id: tenantId, topic: 'a', data: {} });
    for (let index = 0; index < count; index++) await one.receiver.wait(`/${index}`, 2);
    await until('the other one to have its share', async () =>
      (await ownersOf(database)).length === 2 ? true : undefined,
    );
    await other.stop();
    await one.stop();
    await postgres.dropSchema(database);
  });

  it('are seen to fail on every node, whoever has them', () =>
    withNodes(postgres, 3, async (...nodes) => {
      const [first] = nodes;
      if (first === undefined) throw new Error('there is no node');
      const tenantId = await first.tenant();
      const config = { url: first.receiver.url('/status/500') };
      const policy = { retry: { delays_s: [] } };
      const { id } = await first.destination(tenantId, { config, policy });
      for (const node of nodes) await node.publish({ tenant_id: tenantId, data: {} });
      const path = `/v1/tenants/${tenantId}/destinations`;
      for (const node of nodes) {
        await until('three failures in a row', async () => {
          const { body } = await node.get<{ state: { consecutive_failures: number } }>(
            `${path}/${id}`,
          );
          return body.state.consecutive_failures === 3 ? true : undefined;
        });
        const { body } = await node.get<{ state: { consecutive_failures: number } }[]>(path);
        expect(body.map(({ state }) => state.consecutive_failures)).toEqual([3]);
      }
    }));
  it('are found again by a node that was buried while it was about to take them', async () => {
    const database = await postgres.createSchema();
    const gate = Promise.withResolvers<void>();
    const reborn = Promise.withResolvers<void>();
    const atGate = Promise.withResolvers<void>();
    let looks = 0;
    const slowly = (storage: Storage): Storage => {
      const { nodes } = storage;
      if (nodes === null) throw new Error('there are nodes');
      nodes.onReborn(() => reborn.resolve());
      const lanesTake: typeof nodes.lanesTake = async (query) => {
        atGate.resolve();
        await gate.promise;
        return await nodes.lanesTake(query);
      };
      const waitingLanes = async () => {
        const waiting = await storage.waitingLanes();
        if (waiting.length > 0) looks++;
        return waiting;
      };
      return { ...storage, waitingLanes, nodes: { ...nodes, lanesTake } };
    };
    const one = await ApiServer.start({ database, wrap: slowly });
    const tenantId = await one.tenant();
    await one.destination(tenantId);
    await one.publish({ tenant_id: tenantId, topic: 'a', data: {} });
    await atGate.promise;
    await until('it to know since when it is due', () => (looks > 1 ? true : undefined));
    await postgres.query(`UPDATE ${schemaOf(database)}.nodes SET lease_until = '-infinity'`);
    await reborn.promise;
    gate.resolve();
    await one.receiver.wait('/ok', 1);
    await one.stop();
    await postgres.dropSchema(database);
  });

  it('do not keep a test event from being answered by the node that was asked', () =>
    withNodes(postgres, 2, async (...nodes) => {
      const [first] = nodes;
      if (first === undefined) throw new Error('there is no node');
      const tenantId = await first.tenant();
      const { id } = await first.destination(tenantId);
      for (const node of nodes) {
        const path = `/v1/tenants/${tenantId}/destinations/${id}/test`;
        const { body } = await node.post<{ attempt: object | null }>(path, {});
        expect(body.attempt).not.toBeNull();
      }
    }));
});
