/** Destinations, and the routing that is made of them. */
import { describe, expect, it } from 'vitest';

import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  attemptOf,
  destinationOf,
  eventFor,
  insertDestination,
  outcomesOf,
  publish,
  routingOf,
  seedTenant,
  switchDestination,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

const FULL = {
  type: 'aws_sqs',
  name: 'Rooms ä😀',
  profile: 'balkanid',
  format: { name: 'jmespath', expression: '{"ä": data}' },
  httpSignature: { algorithm: 'ed25519', components: ['@path', 'content-digest'] },
  topics: ['room.*', 'user.created'],
  filter: '{"data":{"ä😀":[12345678901234567890,1e400]}}',
  config: { queue_url: 'https://example.com/q', empty: '' },
  deliveryMetadata: { a: '1' },
  metadata: { b: '2' },
  policy: { timeout_ms: 100, concurrency: 3, retry: { delays_s: [1, 2.5], jitter: 0.1 } },
  disabledAtMs: 1_700_000_000_001,
  createdAtMs: 1_700_000_000_002,
  updatedAtMs: 1_700_000_000_003,
  sealedCredentials: Uint8Array.from({ length: 256 }, (_, index) => index),
  revision: 7,
} as const;

export function describeDestinations(driver: StorageDriver): void {
  describe('destinations', () => {
    const db = shareDatabase(driver);

    it('keeps a destination as it was given', async () => {
      const tenantId = await seedTenant(db.storage);
      const destinations = [
        destinationOf(tenantId, 'full', FULL),
        destinationOf(tenantId, 'bare', {
          sealedCredentials: new Uint8Array(),
          topics: [],
          config: {},
        }),
      ];
      for (const destination of destinations) {
        const result = await db.storage.destinationInsert({ destination, maxPerTenant: 2 });
        expect(result).toBe('inserted');
        const found = await db.storage.destinationGet({ tenantId, id: destination.id });
        expect(found).toEqual(destination);
      }
      expect(await db.storage.destinationList({ tenantId })).toEqual(destinations);
    });

    it('lists the oldest first', async () => {
      const tenantId = await seedTenant(db.storage, 'c', 'a', 'b');
      await switchDestination(db.storage, tenantId, 'c', { disabledAtMs: 1, cancelPending: false });
      const listed = await db.storage.destinationList({ tenantId });
      expect(listed.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
      expect(await db.storage.destinationList({ tenantId: 'no such' })).toEqual([]);
    });

    it('refuses an id that the tenant has, and takes it in another', async () => {
      const [one, two] = [await seedTenant(db.storage, 'd'), await seedTenant(db.storage)];
      const insert = (tenantId: string) =>
        db.storage.destinationInsert({
          destination: destinationOf(tenantId, 'd', { name: 'second' }),
          maxPerTenant: 5,
        });
      expect(await insert(one)).toBe('id_taken');
      expect(await insert(two)).toBe('inserted');
      expect(await db.storage.destinationGet({ tenantId: one, id: 'd' })).toMatchObject({
        name: null,
      });
      expect(await db.storage.destinationGet({ tenantId: two, id: 'd' })).toMatchObject({
        name: 'second',
      });
    });

    it('refuses one more than a tenant may have, until another goes', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b');
      const destination = destinationOf(tenantId, 'c');
      const query = { destination, maxPerTenant: 2 };
      expect(await db.storage.destinationInsert(query)).toBe('too_many');
      expect(await db.storage.destinationGet({ tenantId, id: 'c' })).toBeNull();
      await db.storage.destinationDelete({ tenantId, id: 'a' });
      expect(await db.storage.destinationInsert(query)).toBe('inserted');
    });

    it('lets no more than the limit in where many come at once', async () => {
      const tenantId = await seedTenant(db.storage);
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          db.storage.destinationInsert({
            destination: destinationOf(tenantId, `d${index % 5}`),
            maxPerTenant: 4,
          }),
        ),
      );
      expect(results.filter((result) => result === 'inserted')).toHaveLength(4);
      expect(await db.storage.destinationList({ tenantId })).toHaveLength(4);
    });

    it('refuses a destination of an unknown tenant', async () => {
      const destination = destinationOf('no such', 'd');
      const result = await db.storage.destinationInsert({ destination, maxPerTenant: 5 });
      expect(result).toBe('unknown_tenant');
    });

    it('replaces what is there, if nobody else has since', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const { type, createdAtMs } = destinationOf(tenantId, 'd');
      const changed = destinationOf(tenantId, 'd', { ...FULL, type, createdAtMs, revision: 2 });
      const update = { destination: changed, ifRevision: 1, cancelPending: false };
      expect(await db.storage.destinationUpdate(update)).toBe('updated');
      expect(await db.storage.destinationGet({ tenantId, id: 'd' })).toEqual(changed);

      const late = { ...update, destination: { ...changed, name: 'late' } };
      expect(await db.storage.destinationUpdate(late)).toBe('changed_meanwhile');
      expect(await db.storage.destinationGet({ tenantId, id: 'd' })).toEqual(changed);
      for (const destination of [
        { ...changed, id: 'no such' },
        { ...changed, tenantId: 'no such' },
      ])
        expect(await db.storage.destinationUpdate({ ...update, destination })).toBe('unknown');
    });

    it('lets one of several updates made together win', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const names = ['a', 'b', 'c'];
      const results = await Promise.all(
        names.map((name) =>
          db.storage.destinationUpdate({
            destination: destinationOf(tenantId, 'd', { name, revision: 2 }),
            ifRevision: 1,
            cancelPending: false,
          }),
        ),
      );
      expect(results.toSorted()).toEqual(['changed_meanwhile', 'changed_meanwhile', 'updated']);
      const found = await db.storage.destinationGet({ tenantId, id: 'd' });
      expect(found?.name).toBe(names[results.indexOf('updated')]);
    });

    it('cancels nothing for an update that came too late', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { to: ['d'] });
      await db.storage.destinationUpdate({
        destination: destinationOf(tenantId, 'd', { disabledAtMs: 1, revision: 9 }),
        ifRevision: 8,
        cancelPending: true,
      });
      await db.storage.cancelSlice({ limit: 100, nowMs: db.nowMs() });
      const delivery = await db.storage.deliveryGet({ delivery: { seq, ordinal: 0 } });
      expect(delivery).toMatchObject({ status: 'pending' });
    });

    it('deletes a destination once', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      expect(await db.storage.destinationDelete({ tenantId: 'no such', id: 'd' })).toBe('unknown');
      expect(await db.storage.destinationDelete({ tenantId, id: 'd' })).toBe('deleted');
      expect(await db.storage.destinationDelete({ tenantId, id: 'd' })).toBe('unknown');
      expect(await db.storage.destinationGet({ tenantId, id: 'd' })).toBeNull();
      expect(await db.storage.destinationList({ tenantId })).toEqual([]);
    });

    it('leaves history with the old destination where its id is given to a new one', async () => {
      const tenantId = await seedTenant(db.storage);
      await insertDestination(db.storage, tenantId, 'd', { type: 'aws_s3' });
      const old = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      await db.storage.record({ attempts: [attemptOf({ seq: old, ordinal: 0 })] });
      await db.storage.destinationDelete({ tenantId, id: 'd' });
      await insertDestination(db.storage, tenantId, 'd', { type: 'webhook' });
      const fresh = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      await db.storage.record({ attempts: [attemptOf({ seq: fresh, ordinal: 0 })] });

      const query = { ...ALL_ATTEMPTS, tenantIds: [tenantId], destinationId: 'd' };
      const { rows } = await db.storage.attemptList(query);
      expect(rows).toMatchObject([
        { delivery: { seq: old }, destinationType: 'aws_s3' },
        { delivery: { seq: fresh }, destinationType: 'webhook' },
      ]);
      const ofType = await db.storage.attemptList({ ...query, destinationTypes: ['webhook'] });
      expect(ofType.rows.map(({ delivery }) => delivery.seq)).toEqual([fresh]);
      const deliveries = await db.storage.deliveryList({
        ...ALL_DELIVERIES,
        tenantIds: [tenantId],
        destinationId: 'd',
      });
      expect(deliveries.rows.map(({ key }) => key.seq)).toEqual([old, fresh]);
    });
  });
}

export function describeRouting(driver: StorageDriver): void {
  describe('routing', () => {
    const db = shareDatabase(driver);

    it('changes its version with each change of a destination, and only then', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const other = await seedTenant(db.storage, 'd');
      const versions: number[] = [];
      const note = async () => versions.push((await routingOf(db.storage, tenantId)).version);
      await note();
      await insertDestination(db.storage, tenantId, 'e');
      await note();
      await switchDestination(db.storage, tenantId, 'e', { disabledAtMs: 1, cancelPending: true });
      await note();
      await db.storage.destinationDelete({ tenantId, id: 'e' });
      await note();
      expect(new Set(versions).size).toBe(4);

      const before = await routingOf(db.storage, tenantId);
      await db.storage.tenantUpsert({ id: tenantId, metadata: { a: '1' } });
      await publish(db.storage, tenantId, { to: ['d'] });
      await insertDestination(db.storage, other, 'e');
      const late = {
        destination: destinationOf(tenantId, 'd'),
        ifRevision: 9,
        cancelPending: true,
      };
      await db.storage.destinationUpdate(late);
      await db.storage.destinationDelete({ tenantId, id: 'no such' });
      await db.storage.destinationInsert({
        destination: destinationOf(tenantId, 'd'),
        maxPerTenant: 9,
      });
      expect(await routingOf(db.storage, tenantId)).toEqual(before);
    });

    it('names the version by which the next publish is matched', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const changes = [
        () => insertDestination(db.storage, tenantId, 'e'),
        () =>
          switchDestination(db.storage, tenantId, 'e', { disabledAtMs: 1, cancelPending: false }),
        () => db.storage.destinationDelete({ tenantId, id: 'e' }),
      ];
      for (const change of changes) {
        const before = await eventFor(db.storage, tenantId, { to: ['d'] });
        await change();
        const after = await eventFor(db.storage, tenantId, { to: ['d'] });
        const outcomes = await outcomesOf(db.storage, before, after);
        expect(outcomes.map(({ kind }) => kind)).toEqual(['stale_routing', 'stored']);
      }
    });

    it('holds a tenant’s destinations, disabled ones among them', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b', 'gone');
      await switchDestination(db.storage, tenantId, 'b', { disabledAtMs: 1, cancelPending: false });
      await db.storage.destinationDelete({ tenantId, id: 'gone' });
      const { destinations } = await routingOf(db.storage, tenantId);
      expect(destinations).toEqual(await db.storage.destinationList({ tenantId }));
      expect(destinations.map(({ id }) => id)).toEqual(['a', 'b']);
      expect(await db.storage.routingOf({ tenantId: 'no such' })).toBeNull();
    });

    it('comes by pages, every tenant once, those made meanwhile at the end', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const ids = [];
        for (let index = 0; index < 7; index++) ids.push(await seedTenant(storage, `d${index}`));
        await storage.tenantDelete({ id: ids[2] ?? '' });
        const found = [];
        for (let after = 0; ;) {
          const page = await storage.routingPage({ after, limit: 2 });
          expect(page.length).toBeLessThanOrEqual(2);
          found.push(...page);
          const last = page.at(-1);
          if (last === undefined) break;
          after = last.position;
          if (found.length === 4) ids.push(await seedTenant(storage, 'late'));
        }
        expect(found.map(({ tenantId }) => tenantId)).toEqual(
          ids.filter((_, index) => index !== 2),
        );
        for (const routing of found)
          expect(routing).toEqual(await storage.routingOf({ tenantId: routing.tenantId }));
      });
    });

    it('is there again after a restart', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const before = await routingOf(own.storage, tenantId);
        expect(await routingOf(await own.restart(), tenantId)).toEqual(before);
        expect(await routingOf(await own.crash(), tenantId)).toEqual(before);
      });
    });
  });
}
