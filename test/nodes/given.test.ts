/**
 * What comes in on a node that does not own the lane is given to the one that does: it is sent once, whoever hears of it or
 * not, and whoever comes, goes or dies meanwhile. Budget: 60 s.
 */
import { describe, expect, it } from 'vitest';

import type { Storage } from '../../src/storage/storage.ts';
import { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();
const DESTINATIONS = 12;

describe.skipIf(reason !== null)('what is given to the owner of its lane', () => {
  const postgres = usePostgresServer();

  /** Nodes, each with its storage wrapped; a tenant whose lanes all have an owner; at the end all is there, once. */
  async function over(
    wraps: readonly ((storage: Storage) => Storage)[],
    test: (meeting: Meeting) => Promise<void>,
  ): Promise<void> {
    const database = await postgres.createSchema();
    const nodes: ApiServer[] = [];
    for (const wrap of wraps) nodes.push(await ApiServer.start({ database, wrap }));
    const [first] = nodes;
    if (first === undefined) throw new Error('there is no node');
    const { receiver } = first;
    const tenantId = await first.tenant();
    for (let index = 0; index < DESTINATIONS; index++)
      await first.destination(tenantId, { config: { url: receiver.url(`/${index}`) } });
    let published = 0;
    const publish = async (on: ApiServer) => {
      const { status } = await on.publish({ tenant_id: tenantId, topic: 'a', data: {} });
      expect(status).toBe(202);
      published++;
    };
    const arrived = async () => {
      for (let index = 0; index < DESTINATIONS; index++)
        await receiver.wait(`/${index}`, published);
    };
    const owners = `SELECT DISTINCT owner FROM ${schemaOf(database)}.lanes`;
    await until('each node to have lanes', async () => {
      await publish(first);
      await arrived();
      return (await postgres.query(owners)).length === nodes.length ? true : undefined;
    });
    await test({ database, nodes, publish, arrived });
    await arrived();
    const owed = `SELECT 1 FROM ${schemaOf(database)}.deliveries WHERE status <> 1 LIMIT 1`;
    await until('all to be recorded', async () =>
      (await postgres.query(owed)).length === 0 ? true : undefined,
    );
    const counts = Array.from({ length: DESTINATIONS }, (_, index) => {
      const ids = receiver.at(`/${index}`).map(({ headers }) => headers['webhook-id']);
      return [ids.length, new Set(ids).size];
    });
    expect(counts).toEqual(counts.map(() => [published, published]));
    // The first has the receiver.
    for (const node of nodes.toReversed()) await node.stop();
    await postgres.dropSchema(database);
  }

  interface Meeting {
    readonly database: string;
    readonly nodes: readonly ApiServer[];
    readonly publish: (on: ApiServer) => Promise<void>;
    readonly arrived: () => Promise<void>;
  }

  const asItIs = (storage: Storage) => storage;

  function nodesOf({ nodes }: Storage): NonNullable<Storage['nodes']> {
    if (nodes === null) throw new Error('there are nodes');
    return nodes;
  }

  it('is read by it, and not claimed', async () => {
    const came = { given: 0, claimed: 0 };
    const counting = (storage: Storage): Storage => ({
      ...storage,
      claim: async (query) => {
        const lanes = await storage.claim(query);
        for (const { isGiven = false } of lanes.flatMap(({ deliveries }) => deliveries))
          came[isGiven ? 'given' : 'claimed']++;
        return lanes;
      },
    });
    await over([counting, counting], async ({ nodes, publish, arrived }) => {
      came.given = 0;
      came.claimed = 0;
      const rounds = 5;
      for (let round = 0; round < rounds; round++) for (const node of nodes) await publish(node);
      await arrived();
      expect(came.given).toBeGreaterThanOrEqual(rounds * DESTINATIONS);
      expect(came.claimed).toBe(0);
    });
  });

  it('is found by one that hears nothing', () => {
    const deaf = (storage: Storage): Storage => ({
      ...storage,
      nodes: { ...nodesOf(storage), onTold: () => undefined },
    });
    return over([deaf, deaf], async ({ nodes, publish, arrived }) => {
      for (const node of nodes) await publish(node);
      await arrived();
    });
  });

  it('is another’s when that one dies before it has read it, though it reads then', async () => {
    const gate = Promise.withResolvers<void>();
    const atGate = Promise.withResolvers<void>();
    let isClosed = false;
    const slowly = (storage: Storage): Storage => ({
      ...storage,
      claim: async (query) => {
        if (isClosed) {
          atGate.resolve();
          await gate.promise;
        }
        return await storage.claim(query);
      },
    });
    await over([asItIs, slowly], async ({ database, nodes, publish, arrived }) => {
      const [one] = nodes;
      if (one === undefined) throw new Error('there is no node');
      isClosed = true;
      for (let round = 0; round < 5; round++) await publish(one);
      await atGate.promise;
      const schema = schemaOf(database);
      await postgres.query(`
        UPDATE ${schema}.nodes SET lease_until = '-infinity'
        WHERE incarnation = (SELECT max(incarnation) FROM ${schema}.nodes)`);
      await arrived();
      isClosed = false;
      gate.resolve();
      for (const node of nodes) await publish(node);
    });
  });

  it('is sent once while lanes move to a node that comes, and from one that goes', () =>
    over([asItIs, asItIs], async ({ database, nodes, publish, arrived }) => {
      const third = ApiServer.start({ database });
      const end = new AbortController();
      const publishing = nodes.map(async (node) => {
        while (!end.signal.aborted) {
          await publish(node);
          await arrived();
        }
      });
      const schema = schemaOf(database);
      const owners = (count: number) =>
        until(`lanes to be shared by ${count}`, async () => {
          const rows = await postgres.query(`SELECT DISTINCT owner FROM ${schema}.lanes`);
          return rows.length === count ? true : undefined;
        });
      await owners(3);
      await (await third).stop();
      await owners(2);
      end.abort();
      await Promise.all(publishing);
    }));
});
