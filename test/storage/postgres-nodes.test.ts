/** What PostgreSQL adds to the port: several nodes over one database, and a server that goes away. */
import { readdirSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { seqAtMs } from '../../src/domain/event.ts';
import { dayOf } from '../../src/storage/postgres/days.ts';
import { FIRST_LINE, RETRY_LINE } from '../../src/storage/postgres/lines.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { StorageUnavailableError } from '../../src/storage/storage.ts';
import type { LaneClaim } from '../../src/storage/claiming.ts';
import type { NewEvent, Storage } from '../../src/storage/storage.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { schemaOfVersion } from '../support/postgres-older-schema.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import {
  ALL_EVENTS,
  HOUR_MS,
  attemptOf,
  claim,
  deliveryAt,
  eventFor,
  failureOf,
  outcomesOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)(
  `nodes on PostgreSQL${reason === null ? '' : `: ${reason}`}`,
  () => {
    const server = usePostgresServer();

    /** Of the nodes of `withNodes`. */
    let urlInUse = '';

    async function withNodes(count: number, test: (...nodes: Storage[]) => Promise<void>) {
      const url = await server.createSchema();
      urlInUse = url;
      // All at once: the first makes the tables, the others wait for it.
      const nodes = await Promise.all(
        Array.from({ length: count }, () => openPostgresStorage({ url })),
      );
      try {
        await test(...nodes);
      } finally {
        await Promise.all(nodes.map((node) => node.close()));
        await server.dropSchema(url);
      }
    }

    it('may start together over an empty schema, and spell ids alike', async () => {
      await withNodes(10, async (...nodes) => {
        const ids = nodes.map((node) => node.ids.eventId(5));
        expect(new Set(ids).size).toBe(1);
        await Promise.all(nodes.map((node) => node.ping()));
      });
    });

    it('may start together over the schema of a version before, with its rows, beside a server of it', async () => {
      const url = await server.createSchema();
      const schema = schemaOf(url);
      await server.query(`SET search_path = ${schema}; ${schemaOfVersion(5)}; RESET search_path`);
      const seq = seqAtMs(Date.now());
      await server.query(`
        INSERT INTO ${schema}.tenants (id, metadata, settings, routing_version, created_ms, updated_ms)
        VALUES ('t', '{}', '{}', 1, 1, 1);
        INSERT INTO ${schema}.destinations
          (tenant_no, id, type, topics, definition, sealed_credentials, revision, created_ms, updated_ms)
        VALUES (1, 'd', 'webhook', '{a}', '{}', '', 1, 1, 1);
        SET search_path = ${schema}; SELECT make_day(${dayOf(seq)}); RESET search_path;
        INSERT INTO ${schema}.events (tenant_no, seq, topic, time_ms, eligible_for_retry, test, data)
        SELECT 1, ${seq} + n, 'a', 1, true, false, 'x' FROM generate_series(1, 3) AS n;
        INSERT INTO ${schema}.deliveries (tenant_no, event_seq, ordinal, destination_no, status, attempts, step,
                                          asked_by, next_attempt_ms, claimed_by, updated_ms)
        SELECT 1, ${seq} + n, 0, 1, 0, 0, 0, 0, 1, 0, 1 FROM generate_series(1, 3) AS n;
        UPDATE ${schema}.numbers SET last_seq = ${seq + 3};
        INSERT INTO ${schema}.nodes (lease_until) VALUES (clock_timestamp() + interval '1 minute')`);
      const nodes = await Promise.all(
        Array.from({ length: 10 }, () => openPostgresStorage({ url })),
      );
      const applied = await server.query(
        `SELECT count(*)::int AS all, max(version) > 5 AS has_more FROM ${schema}.migrations`,
      );
      const files = readdirSync(new URL('../../src/storage/postgres/migrations/', import.meta.url));
      const count = files.filter((name) => name.endsWith('.sql')).length;
      expect(applied).toEqual([{ all: count, has_more: true }]);
      for (const node of nodes)
        expect((await node.eventList(ALL_EVENTS)).rows.map((event) => event.seq)).toEqual([
          seq + 1,
          seq + 2,
          seq + 3,
        ]);
      const [one, other] = nodes;
      if (one === undefined || other === undefined) throw new Error('there are ten nodes');
      const claimed = await claim(one, {
        tenantId: 't',
        destinationId: 'd',
        dueBeforeMs: Date.now(),
      });
      expect(claimed.deliveries).toHaveLength(3);
      await publish(other, 't', { id: 'new' });
      // The server of before still renews its lease.
      const renewed = await server.query(
        `UPDATE ${schema}.nodes SET lease_until = clock_timestamp() WHERE NOT reads_given RETURNING 1`,
      );
      expect(renewed).toHaveLength(1);
      await Promise.all(nodes.map((node) => node.close()));
      await server.dropSchema(url);
    });

    it('number what they publish together, each number once', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one);
        const event = await eventFor(one, tenantId);
        const outcomes = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            outcomesOf(index % 2 === 0 ? one : other, event),
          ),
        );
        const seqs = outcomes
          .flat()
          .map((outcome) => (outcome.kind === 'stored' ? outcome.seq : 0));
        expect(new Set(seqs).size).toBe(40);
        expect(seqs).not.toContain(0);
      });
    });

    it('see each other’s changes of routing in the next publish', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        const event = await eventFor(other, tenantId, { to: ['d'] });
        expect(await outcomesOf(other, event)).toMatchObject([{ kind: 'stored' }]);
        await one.destinationDelete({ tenantId, id: 'd' });
        expect(await outcomesOf(other, event)).toEqual([{ kind: 'stale_routing' }]);
      });
    });

    it('leave alone what a live one has claimed', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        const seq = await publish(one, tenantId, { toClaimed: ['d'] });
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: Date.now() + HOUR_MS };
        expect((await claim(other, lane)).deliveries).toEqual([]);
        expect(await other.waitingLanes()).toEqual([]);
        expect(await deliveryAt(other, seq)).toMatchObject({ claimed: true });
        const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs: Date.now() };
        expect(await other.retryByHand(query)).toBe('in_attempt');
        expect(await other.record({ attempts: [attemptOf({ seq, ordinal: 0 })] })).toEqual([
          'lost',
        ]);
        expect(await one.record({ attempts: [attemptOf({ seq, ordinal: 0 })] })).toEqual([
          'recorded',
        ]);
      });
    });

    it('share out a lane that both claim from at once', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        const event = await eventFor(one, tenantId, { to: ['d'] });
        await one.publish({ events: Array.from({ length: 200 }, () => event) });
        const lane = { tenantId, destinationId: 'd', limit: 25, dueBeforeMs: Date.now() + HOUR_MS };
        const claims = await Promise.all(
          Array.from({ length: 16 }, (_, index) => claim(index % 2 === 0 ? one : other, lane)),
        );
        const seqs = claims.flatMap(({ deliveries }) => deliveries.map(({ key }) => key.seq));
        expect(new Set(seqs).size).toBe(seqs.length);
        const rest = await claim(one, { ...lane, limit: 200 });
        expect(seqs.length + rest.deliveries.length).toBe(200);
      });
    });

    /** Makes the lane of that destination the node's own. */
    async function own(node: Storage, tenantId: string, destinationId = 'd'): Promise<void> {
      const { nodes } = node;
      if (nodes === null) throw new Error('there are nodes');
      const { self } = await nodes.look();
      const [taken] = await nodes.lanesTake({ self, lanes: [{ tenantId, destinationId }] });
      expect(taken).not.toBeNull();
    }

    const laneOf = (tenantId: string) => ({
      tenantId,
      destinationId: 'd',
      dueBeforeMs: Date.now() + HOUR_MS,
    });

    /** Each with whether it was given. */
    async function claimFrom(
      node: Storage,
      tenantId: string,
      { limit = 100, givenAfter = null }: Pick<Partial<LaneClaim>, 'limit' | 'givenAfter'> = {},
    ) {
      const { destinationId, dueBeforeMs } = laneOf(tenantId);
      const lanes = [{ tenantId, destinationId, limit, givenAfter }];
      const [found] = await node.claim({ lanes, dueBeforeMs });
      if (found === undefined) throw new Error('no answer for the lane');
      const { deliveries, givenUpTo = null, nextDueAtMs } = found;
      const seqs = deliveries.map(({ key: { seq }, isGiven = false }) => [seq, isGiven] as const);
      return { seqs, givenUpTo, isMore: nextDueAtMs !== null };
    }

    async function claimedBy(seq: number): Promise<number> {
      const rows = await server.query(
        `SELECT claimed_by FROM ${schemaOf(urlInUse)}.deliveries WHERE event_seq = ${seq}`,
      );
      return Number(rows[0]?.['claimed_by']);
    }

    it('give what they are published to the owner of the lane, which reads it once, and need not claim it', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        const before = await publish(other, tenantId, { to: ['d'] });
        await own(one, tenantId);
        const given: number[] = [];
        for (const node of [other, one, other])
          given.push(await publish(node, tenantId, { to: ['d'] }));
        expect((await claimFrom(other, tenantId)).seqs).toEqual([[before, false]]);
        expect((await one.waitingLanes()).map(({ tenantId: id }) => id)).toEqual([tenantId]);
        const first = await claimFrom(one, tenantId, { limit: 2 });
        expect(first.seqs).toEqual(given.slice(0, 2).map((seq) => [seq, true]));
        expect(first.isMore).toBe(true);
        const rest = await claimFrom(one, tenantId, { givenAfter: first.givenUpTo });
        expect(rest.seqs).toEqual(given.slice(2).map((seq) => [seq, true]));
        expect(rest.isMore).toBe(false);
        const { self = 0 } = (await one.nodes?.look()) ?? {};
        for (const seq of given) {
          expect(await claimedBy(seq)).toBe(-self);
          const attempts = [attemptOf({ seq, ordinal: 0 })];
          expect(await other.record({ attempts })).toEqual(['lost']);
          expect(await one.record({ attempts })).toEqual(['recorded']);
          expect(await one.record({ attempts })).toEqual(['lost']);
        }
        expect((await claimFrom(one, tenantId)).seqs).toEqual([]);
      });
    });

    it('claim what waited beside what they were given, the first due first', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        await own(one, tenantId);
        const seqs: number[] = [];
        for (let index = 0; index < 6; index++)
          seqs.push(await publish(other, tenantId, { to: ['d'] }));
        const [first = 0, , third = 0] = seqs;
        await one.release({ deliveries: [first, third].map((seq) => ({ seq, ordinal: 0 })) });
        const some = await claimFrom(one, tenantId, { limit: 2 });
        expect(some.seqs).toEqual([
          [seqs[0], false],
          [seqs[1], true],
        ]);
        expect(some.isMore).toBe(true);
        const { seqs: rest } = await claimFrom(one, tenantId, { givenAfter: some.givenUpTo });
        expect(rest.map(([seq]) => seq)).toEqual(seqs.slice(2));
      });
    });

    it('give nothing that is ordered, or has a time, nor to one that does not live or know of it', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        await own(one, tenantId);
        const event = await eventFor(other, tenantId, { to: ['d'] });
        const ordered = [{ id: 'd', claimed: false, order: 'key' as const }];
        const stored = async (of: NewEvent) => {
          const [outcome] = await outcomesOf(other, of);
          return await claimedBy(outcome?.kind === 'stored' ? outcome.seq : 0);
        };
        expect(await stored(event)).toBeLessThan(0);
        expect(await stored({ ...event, destinations: ordered })).toBe(0);
        expect(await stored({ ...event, orderKey: 'k', destinations: ordered })).toBe(0);
        expect(await stored({ ...event, deliverAtMs: Date.now() + HOUR_MS })).toBe(0);
        const { self = 0 } = (await one.nodes?.look()) ?? {};
        const nodes = `${schemaOf(urlInUse)}.nodes`;
        const set = (what: string) =>
          server.query(`UPDATE ${nodes} SET ${what} WHERE incarnation = ${self}`);
        await set('reads_given = false');
        expect(await stored(event)).toBe(0);
        await set("reads_given = true, lease_until = '-infinity'");
        expect(await stored(event)).toBe(0);
      });
    });

    it.for(['is dead', 'has let the lane go'] as const)(
      'take what one was given that %s, and what it finds out of it then is lost',
      (end) =>
        withNodes(2, async (one, other) => {
          const tenantId = await seedTenant(one, 'd');
          await own(one, tenantId);
          const seq = await publish(other, tenantId, { to: ['d'] });
          const lanes = [{ tenantId, destinationId: 'd' }];
          expect((await claimFrom(one, tenantId)).seqs).toEqual([[seq, true]]);
          expect((await claimFrom(other, tenantId)).seqs).toEqual([]);
          if (end === 'has let the lane go') await one.nodes?.lanesRelease({ lanes });
          else {
            const { self = 0 } = (await one.nodes?.look()) ?? {};
            const nodes = `${schemaOf(urlInUse)}.nodes`;
            await server.query(
              `UPDATE ${nodes} SET lease_until = '-infinity' WHERE incarnation = ${self}`,
            );
          }
          await own(other, tenantId);
          expect((await claimFrom(other, tenantId)).seqs).toEqual([[seq, false]]);
          const attempts = [attemptOf({ seq, ordinal: 0 })];
          expect(await one.record({ attempts })).toEqual(['lost']);
          expect(await other.record({ attempts })).toEqual(['recorded']);
        }),
    );

    it('read once more what they were given, where it was canceled and is asked for again', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        await own(one, tenantId);
        const canceled = await publish(other, tenantId, { to: ['d'] });
        const query = { tenantId, eventSeq: canceled, destinationId: 'd', nowMs: 1 };
        expect(await other.retryByHand(query)).toBe('due');
        const delivery = { seq: canceled, ordinal: 0 };
        expect(await other.cancel({ delivery, nowMs: Date.now() })).toBe('canceled');
        const next = await publish(other, tenantId, { to: ['d'] });
        const { seqs, givenUpTo } = await claimFrom(one, tenantId);
        expect(seqs).toEqual([[next, true]]);
        expect(await other.retryByHand(query)).toBe('in_attempt');
        const after = await publish(other, tenantId, { to: ['d'] });
        expect((await claimFrom(one, tenantId, { givenAfter: givenUpTo })).seqs).toEqual(
          expect.arrayContaining([
            [canceled, true],
            [after, true],
          ]),
        );
        expect(await one.record({ attempts: [attemptOf(delivery)] })).toEqual(['recorded']);
      });
    });

    it('keep the order of a key between them', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        const inOrder = async (on: Storage, isClaimed: boolean) => {
          const event = await eventFor(on, tenantId);
          const destinations = [{ id: 'd', claimed: isClaimed, order: 'key' as const }];
          return await outcomesOf(on, { ...event, orderKey: 'k', destinations } satisfies NewEvent);
        };
        const [first] = await inOrder(one, true);
        const [second] = await inOrder(other, true);
        expect(first).not.toHaveProperty('behind');
        expect(second).toMatchObject({ kind: 'stored', behind: [0] });
        const lanes = [{ tenantId, destinationId: 'd', limit: 9, isOrdered: true }];
        const dueBeforeMs = Date.now() + HOUR_MS;
        expect(await other.claim({ lanes, dueBeforeMs })).toMatchObject([{ deliveries: [] }]);
        expect(await one.claim({ lanes, dueBeforeMs })).toMatchObject([
          { deliveries: [], hasFollowers: true },
        ]);
        const key = { seq: first?.kind === 'stored' ? first.seq : 0, ordinal: 0 };
        await one.record({ attempts: [failureOf(key, { status: 'failed', holds: true })] });
        expect(await other.claim({ lanes, dueBeforeMs })).toMatchObject([{ deliveries: [] }]);
        await one.cancel({ delivery: key, nowMs: Date.now() });
        const [lane] = await other.claim({ lanes, dueBeforeMs });
        const seq = second?.kind === 'stored' ? second.seq : 0;
        expect(lane?.deliveries).toMatchObject([{ key: { seq, ordinal: 0 }, orderKey: 'k' }]);
      });
    });

    it('replace an older version that waits, wherever it was published', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        const version = async (on: Storage, count: number) => {
          const event = await eventFor(on, tenantId);
          const resource = JSON.stringify({ urn: 'urn:r', vector_clock: { a: count } });
          const destinations = [{ id: 'd', claimed: false, order: 'latest' as const }];
          const [outcome] = await outcomesOf(on, { ...event, resource, destinations });
          return outcome?.kind === 'stored' ? outcome.seq : 0;
        };
        const older = await version(one, 1);
        const newer = await version(other, 2);
        const tooLate = await version(one, 1);
        const statuses = await Promise.all(
          [older, newer, tooLate].map(async (seq) => (await deliveryAt(one, seq)).status),
        );
        expect(statuses).toEqual(['canceled', 'pending', 'canceled']);
      });
    });

    it('keep names that no text of the server can hold', async () => {
      await withNodes(1, async (...[storage]) => {
        if (storage === undefined) throw new Error('no node');
        const tenantId = await seedTenant(storage, 'd');
        const before = await storage.destinationGet({ tenantId, id: 'd' });
        if (before === null) throw new Error('the destination is not there');
        const destination = { ...before, name: 'NUL \0, half a pair \ud800', revision: 2 };
        const query = { destination, ifRevision: before.revision, cancelPending: false };
        expect(await storage.destinationUpdate(query)).toBe('updated');
        expect(await storage.destinationGet({ tenantId, id: 'd' })).toEqual(destination);
        expect(await storage.tenantGet({ id: tenantId })).toMatchObject({ destinationsCount: 1 });
        const named = { name: 'nobody', force: false };
        expect(await storage.topicDelete(named)).toEqual({ kind: 'unknown' });
      });
    });

    it('begin anew when they are forgotten, and go on', async () => {
      const RENEW_MS = 5000;
      const url = await server.createSchema();
      const schema = schemaOf(url);
      let renew = () => {};
      const clock: Clock = {
        ...systemClock,
        schedule(delayMs, callback) {
          // Whether the database is silent is looked at more often.
          if (delayMs >= RENEW_MS) renew = callback;
          return { cancel: () => {} };
        },
      };
      const storage = await openPostgresStorage({ url, clock });
      const tenantId = await seedTenant(storage, 'd');
      const before = await publish(storage, tenantId, { toClaimed: ['d'] });
      await server.query(`DELETE FROM ${schema}.nodes`);
      renew();
      await untilTrue('a new incarnation', async () => {
        return (await server.query(`SELECT 1 FROM ${schema}.nodes`)).length === 1;
      });
      const after = await publish(storage, tenantId, { toClaimed: ['d'] });
      const attempts = [before, after].map((seq) => attemptOf({ seq, ordinal: 0 }));
      expect(await storage.record({ attempts })).toEqual(['lost', 'recorded']);
      await storage.close();
      await server.dropSchema(url);
    });

    it('write no attempt down twice, though they have claimed its delivery again', async () => {
      await withNodes(1, async (...[storage]) => {
        if (storage === undefined) throw new Error('no node');
        const tenantId = await seedTenant(storage, 'd');
        const key = { seq: await publish(storage, tenantId, { toClaimed: ['d'] }), ordinal: 0 };
        const retry = failureOf(key, { status: 'pending', nextAttemptAtMs: Date.now() });
        expect(await storage.record({ attempts: [retry] })).toEqual(['recorded']);
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: Date.now() + HOUR_MS };
        expect((await claim(storage, lane)).deliveries).toMatchObject([{ key, attempts: 1 }]);
        const again = attemptOf(key);
        expect(await storage.record({ attempts: [again] })).toEqual(['lost']);
        expect(await deliveryAt(storage, key.seq)).toMatchObject({ claimed: true, attempts: 1 });
        const next = { ...again, number: 2 };
        expect(await storage.record({ attempts: [next] })).toEqual(['recorded']);
      });
    });

    it('take no lane for who asked as the one before', async () => {
      const url = await server.createSchema();
      const schema = schemaOf(url);
      const storage = await openPostgresStorage({ url });
      const { nodes } = storage;
      if (nodes === null) throw new Error('there are nodes');
      const lanes = [{ tenantId: await seedTenant(storage, 'd'), destinationId: 'd' }];
      const { self } = await nodes.look();
      // Whatever ends it: the next transaction is that of another one.
      expect(await nodes.lanesTake({ self: self - 1, lanes })).toEqual([null]);
      expect(await server.query(`SELECT * FROM ${schema}.lanes`)).toEqual([]);
      expect(await nodes.lanesTake({ self, lanes })).toEqual([{ health: null }]);
      await storage.close();
      await server.dropSchema(url);
    });

    it('find what one commits that was buried meanwhile, and does not know', async () => {
      await withNodes(2, async (one, other) => {
        const tenantId = await seedTenant(one, 'd');
        const event = await eventFor(one, tenantId, { toClaimed: ['d'] });
        const { self } = (await one.nodes?.look()) ?? { self: 0 };
        // Nobody is buried in the first seconds after a start of the server; and it goes on renewing its lease.
        await untilTrue('it to be buried', async () => {
          await server.query(
            `UPDATE ${schemaOf(urlInUse)}.nodes SET lease_until = clock_timestamp()
             WHERE incarnation = ${self} AND lease_until > clock_timestamp()`,
          );
          const view = await other.nodes?.look();
          return view?.deliverers.length === 1;
        });
        await other.maintain();
        await other.maintain();
        expect(await outcomesOf(one, event)).toMatchObject([{ kind: 'stored' }]);
        expect(await other.waitingLanes()).toMatchObject([{ destinationId: 'd' }]);
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: Date.now() + HOUR_MS };
        expect((await claim(other, lane)).deliveries).toHaveLength(1);
      });
    });

    it('put retries where a server of a version before looks, while one runs', async () => {
      const url = await server.createSchema();
      const schema = schemaOf(url);
      const verdict = { status: 'pending', nextAttemptAtMs: 1000 } as const;
      const lineOfRetry = async (storage: Storage, tenantId: string) => {
        const seq = await publish(storage, tenantId, { toClaimed: ['d'] });
        await storage.record({ attempts: [failureOf({ seq, ordinal: 0 }, verdict)] });
        const [row] = await server.query(
          `SELECT claimed_by FROM ${schema}.deliveries WHERE event_seq = ${seq}`,
        );
        return Number(row?.['claimed_by']);
      };
      const alone = await openPostgresStorage({ url });
      const tenantId = await seedTenant(alone, 'd');
      expect(await lineOfRetry(alone, tenantId)).toBe(RETRY_LINE);
      await server.query(
        `INSERT INTO ${schema}.nodes (lease_until, delivers) VALUES (now() + interval '1 hour', true)`,
      );
      const beside = await openPostgresStorage({ url });
      expect(await lineOfRetry(beside, tenantId)).toBe(FIRST_LINE);
      const lane = { tenantId, destinationId: 'd', limit: 5 };
      const [found] = await beside.claim({ lanes: [lane], dueBeforeMs: Date.now() });
      expect(found?.deliveries).toHaveLength(2);
      await alone.close();
      await beside.close();
      await server.dropSchema(url);
    });

    it('free what one left that has been dead for long, and forget it', async () => {
      const url = await server.createSchema();
      const schema = schemaOf(url);
      const one = await openPostgresStorage({ url });
      const tenantId = await seedTenant(one, 'd');
      await publish(one, tenantId, { toClaimed: ['d'] });
      await one.close();
      const other = await openPostgresStorage({ url });
      const lane = { tenantId, destinationId: 'd', limit: 1 };
      await server.query(
        `UPDATE ${schema}.nodes SET lease_until = lease_until - interval '61 minutes' WHERE incarnation = 1`,
      );
      await other.maintain();
      await other.maintain();
      const claims = await server.query(`SELECT claimed_by FROM ${schema}.deliveries`);
      const nodes = await server.query(`SELECT incarnation FROM ${schema}.nodes`);
      expect(claims).toEqual([{ claimed_by: '0' }]);
      expect(nodes).toHaveLength(1);
      const [found] = await other.claim({ lanes: [lane], dueBeforeMs: Date.now() + HOUR_MS });
      expect(found?.deliveries).toHaveLength(1);
      await other.close();
      await server.dropSchema(url);
    });

    it('refuse while the server has cut them off, and hold back nothing that a lost answer had stored', async () => {
      const url = await server.createSchema();
      const storage = await openPostgresStorage({ url });
      const tenantId = await seedTenant(storage, 'd');
      const event = await eventFor(storage, tenantId, { toClaimed: ['d'] });
      const answered = new Set<number>();
      let refused = 0;
      for (let round = 0; round < 30; round++) {
        const published = outcomesOf(storage, event).then(
          (outcomes) => {
            for (const outcome of outcomes)
              if (outcome.kind === 'stored') answered.add(outcome.seq);
          },
          (error: unknown) => {
            expect(error).toBeInstanceOf(StorageUnavailableError);
            refused++;
          },
        );
        await Promise.all([published, server.cutOff(url)]);
      }
      await untilTrue('the node to write again', () =>
        storage.ping().then(
          () => true,
          () => false,
        ),
      );
      expect(refused).toBeGreaterThan(0);
      const query = { ...ALL_EVENTS, tenantIds: [tenantId] };
      const stored = (await storage.eventList(query)).rows.map(({ seq }) => seq);
      const lane = {
        tenantId,
        destinationId: 'd',
        limit: 100,
        dueBeforeMs: Date.now() + HOUR_MS,
      };
      const { deliveries } = await claim(storage, lane);
      const inHand = answered.union(new Set(deliveries.map(({ key }) => key.seq)));
      expect([...inHand].toSorted((a, b) => a - b)).toEqual(stored);
      await storage.close();
      await server.dropSchema(url);
    });

    it('refuse a schema that a newer version has made, and one of another program', async () => {
      const url = await server.createSchema();
      const schema = schemaOf(url);
      await (await openPostgresStorage({ url })).close();
      await server.query(`INSERT INTO ${schema}.migrations (version, name) VALUES (999, 'later')`);
      await expect(openPostgresStorage({ url })).rejects.toMatchObject({ kind: 'newer' });
      await server.dropSchema(url);

      const taken = await server.createSchema();
      const theirs = schemaOf(taken);
      await server.query(`CREATE TABLE ${theirs}.events (id INTEGER)`);
      await expect(openPostgresStorage({ url: taken })).rejects.toMatchObject({ kind: 'corrupt' });
      await server.dropSchema(taken);
    });

    it('refuse a server older than 14', async () => {
      const url = new URL(await server.createSchema());
      const schema = schemaOf(url.href);
      // What the server says of itself is looked up in the schema first.
      url.searchParams.set('options', `-c search_path=${schema},pg_catalog`);
      await server.query(
        `CREATE FUNCTION ${schema}.current_setting(text) RETURNS text RETURN '130023'`,
      );
      await expect(openPostgresStorage({ url: url.href })).rejects.toThrow(
        'the server is PostgreSQL 13, but Angarium needs 14 or later',
      );
      await server.query(`DROP SCHEMA ${schema} CASCADE`);
    });

    it('need a role that owns its schema, and nothing else', async () => {
      const role = `angarium_role_${process.pid}`;
      await server.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
      await server.query(`CREATE SCHEMA ${role} AUTHORIZATION ${role}`);
      await server.query(`ALTER ROLE ${role} SET search_path = ${role}`);
      const url = new URL(server.url);
      url.username = role;
      url.password = 'secret';
      const storage = await openPostgresStorage({ url: url.href });
      const tenantId = await seedTenant(storage, 'd');
      await publish(storage, tenantId, { toClaimed: ['d'] });
      await storage.close();
      await server.query(`DROP SCHEMA ${role} CASCADE`);
      await server.query(`DROP ROLE ${role}`);
    });
  },
);
