/** `claim`, `release`, `waitingLanes`: which deliveries a node has in memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { DeliveryKey } from '../../src/storage/reading.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  HOUR_MS,
  attemptOf,
  claim,
  deliveryAt,
  eventFor,
  failureOf,
  insertDestination,
  jsonBytes,
  outcomesOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

/** A pending delivery that is due at that time. */
async function dueAt(
  storage: Storage,
  tenantId: string,
  destinationId: string,
  nextAttemptAtMs: number,
): Promise<DeliveryKey> {
  const seq = await publish(storage, tenantId, { toClaimed: [destinationId] });
  const key = { seq, ordinal: 0 };
  await storage.record({ attempts: [failureOf(key, { status: 'pending', nextAttemptAtMs })] });
  return key;
}

export function describeClaim(driver: StorageDriver): void {
  describe('claim', () => {
    const db = shareDatabase(driver);
    const later = () => db.nowMs() + HOUR_MS;

    it('gives the event as it was published, and what the delivery has behind it', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, {
        id: 'x',
        topic: 'a.b',
        timeMs: 77,
        eligibleForRetry: false,
        metadata: '{"a":"1"}',
        resource: '{"urn":"urn:r:1"}',
        data: jsonBytes({ n: 1 }),
        to: ['d'],
      });
      const own = await publish(db.storage, tenantId, { to: ['d'] });
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: later() };
      const { deliveries } = await claim(db.storage, lane);
      expect(deliveries).toHaveLength(2);
      expect(deliveries[0]).toEqual({
        key: { seq, ordinal: 0 },
        attempts: 0,
        step: 0,
        askedBy: 'schedule',
        orderKey: null,
        event: {
          seq,
          id: 'x',
          topic: 'a.b',
          timeMs: 77,
          eligibleForRetry: false,
          metadata: '{"a":"1"}',
          resource: '{"urn":"urn:r:1"}',
          test: false,
          deliverAtMs: null,
          data: jsonBytes({ n: 1 }),
        },
      });
      expect(deliveries[1]?.event.id).toBe(db.storage.ids.eventId(own));
      expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'pending', claimed: true });
    });

    it.runIf(driver.can.moveClock)(
      'gives what was due at once, in order, whatever the clock is set to, and nothing else early',
      async () => {
        await withDatabase(driver, async (own) => {
          const { storage } = own;
          const tenantId = await seedTenant(storage, 'd');
          const nextAttemptAtMs = own.nowMs() + 1000;
          await dueAt(storage, tenantId, 'd', nextAttemptAtMs);
          const deliverAtMs = own.nowMs() + 2000;
          await publish(storage, tenantId, { to: ['d'], deliverAtMs });
          const before = await publish(storage, tenantId, { to: ['d'] });
          own.moveClock(-HOUR_MS);
          const after = await publish(storage, tenantId, { to: ['d'] });
          const waiting = { tenantId, destinationId: 'd', firstDueAtMs: own.nowMs() };
          expect(await storage.waitingLanes()).toEqual([waiting]);
          const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() };
          const one = await claim(storage, { ...lane, limit: 1 });
          expect(one.deliveries.map(({ key }) => key.seq)).toEqual([before]);
          expect(one.nextDueAtMs).toBe(own.nowMs());
          const rest = await claim(storage, lane);
          expect(rest.deliveries.map(({ key }) => key.seq)).toEqual([after]);
          expect(rest.nextDueAtMs).toBe(nextAttemptAtMs);
        });
      },
    );

    it('gives retries alone, where they are asked for: of those due from then on', async () => {
      const tenantId = await seedTenant(db.storage, 'd', 'other');
      await publish(db.storage, tenantId, { to: ['d'] });
      await dueAt(db.storage, tenantId, 'other', 2000);
      const [early, first, second, late] = [
        await dueAt(db.storage, tenantId, 'd', 1000),
        await dueAt(db.storage, tenantId, 'd', 2000),
        await dueAt(db.storage, tenantId, 'd', 3000),
        await dueAt(db.storage, tenantId, 'd', later() + HOUR_MS),
      ];
      await publish(db.storage, tenantId, { to: ['d'] });
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: later(), retriesFromMs: 2000 };
      const one = await claim(db.storage, { ...lane, limit: 1 });
      expect(one).toMatchObject({ deliveries: [{ key: first, attempts: 1 }], nextDueAtMs: 3000 });
      const two = await claim(db.storage, { ...lane, retriesFromMs: 2001 });
      expect(two.deliveries.map(({ key }) => key)).toEqual([second]);
      const lateMs = two.nextDueAtMs ?? 0;
      expect(lateMs).toBeGreaterThan(later());
      const none = { ...lane, retriesFromMs: lateMs + 1 };
      expect(await claim(db.storage, none)).toMatchObject({ deliveries: [], nextDueAtMs: null });
      const all = await claim(db.storage, { ...lane, retriesFromMs: 0 });
      expect(all.deliveries.map(({ key }) => key)).toEqual([early]);
      // The others are still there for whoever asks for what is due.
      const { retriesFromMs: _from, ...whatever } = lane;
      const rest = await claim(db.storage, whatever);
      expect(rest.deliveries.map(({ attempts }) => attempts)).toEqual([0, 0]);
      expect(rest.nextDueAtMs).toBe(lateMs);
      expect(await deliveryAt(db.storage, late.seq)).toMatchObject({ claimed: false });
    });

    it('looks for retries through a long line part by part', async () => {
      await withDatabase(driver, async (own) => {
        const { storage } = own;
        const tenantId = await seedTenant(storage, 'd');
        const publishSome = async () => {
          const event = await eventFor(storage, tenantId, { to: ['d'] });
          await outcomesOf(storage, ...Array.from({ length: 700 }, () => event));
        };
        await publishSome();
        await publishSome();
        const retry = await dueAt(storage, tenantId, 'd', own.nowMs() + 1000);
        await publishSome();
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS };
        const looks: number[] = [];
        for (let fromMs: number | null = 0; fromMs !== null;) {
          const found = await claim(storage, { ...lane, retriesFromMs: fromMs });
          looks.push(found.deliveries.length);
          for (const { key } of found.deliveries) expect(key).toEqual(retry);
          if (found.nextDueAtMs !== null) expect(found.nextDueAtMs).toBeGreaterThan(fromMs);
          fromMs = found.nextDueAtMs;
        }
        expect(looks.length).toBeGreaterThan(1);
        expect(looks.filter((count) => count > 0)).toEqual([1]);
      });
    });

    it('gives the first due first, and of those due together the first published', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }),
          fc.integer({ min: 1, max: 8 }),
          async (dues, limit) => {
            const tenantId = await seedTenant(db.storage, 'd');
            const keys: (DeliveryKey & { dueAtMs: number })[] = [];
            for (const dueAtMs of dues)
              keys.push({ ...(await dueAt(db.storage, tenantId, 'd', dueAtMs)), dueAtMs });
            const lane = { tenantId, destinationId: 'd', limit, dueBeforeMs: later() };
            const inOrder = keys.toSorted((a, b) => a.dueAtMs - b.dueAtMs || a.seq - b.seq);
            while (inOrder.length > 0) {
              const expected = inOrder.splice(0, limit);
              const claimed = await claim(db.storage, lane);
              expect(claimed.deliveries.map(({ key }) => key.seq)).toEqual(
                expected.map(({ seq }) => seq),
              );
              expect(claimed.nextDueAtMs).toBe(inOrder[0]?.dueAtMs ?? null);
            }
          },
        ),
        { numRuns: 15 },
      );
    });

    describe('where more is due than there is room', () => {
      /** So many first attempts, then so many retries, all due: the retries first or last. */
      async function bothDue(storage: Storage, counts: { first: number; retries: number }) {
        const tenantId = await seedTenant(storage, 'd');
        const first: number[] = [];
        const retries: number[] = [];
        for (let index = 0; index < counts.retries; index++)
          retries.push((await dueAt(storage, tenantId, 'd', 1000 + index)).seq);
        for (let index = 0; index < counts.first; index++)
          first.push(await publish(storage, tenantId, { to: ['d'] }));
        return { tenantId, first, retries };
      }

      const seqsOf = ({ deliveries }: { deliveries: readonly { key: DeliveryKey }[] }) =>
        deliveries.map(({ key }) => key.seq);

      it('lets retries have the places that are theirs, and first attempts the others', async () => {
        const { tenantId, first, retries } = await bothDue(db.storage, { first: 8, retries: 8 });
        const lane = { tenantId, destinationId: 'd', limit: 5, dueBeforeMs: later() };
        const two = await claim(db.storage, { ...lane, retryPlaces: 2 });
        // Those that were due earlier stand first.
        expect(seqsOf(two)).toEqual([...retries.slice(0, 2), ...first.slice(0, 3)]);
        expect(two.nextDueAtMs).toBe(1002);
        const none = await claim(db.storage, { ...lane, retryPlaces: 0 });
        expect(seqsOf(none)).toEqual(first.slice(3, 8));
        // What first attempts do not need is the retries', and the other way round.
        const all = await claim(db.storage, { ...lane, retryPlaces: 0 });
        expect(seqsOf(all)).toEqual(retries.slice(2, 7));
        const more = await publish(db.storage, tenantId, { to: ['d'] });
        const last = await claim(db.storage, { ...lane, retryPlaces: 5 });
        expect(seqsOf(last)).toEqual([retries[7], more]);
        expect(last.nextDueAtMs).toBeNull();
      });

      it('finds the one retry behind thousands that are older, and the one first attempt', async () => {
        await withDatabase(driver, async (own) => {
          const { storage } = own;
          const tenantId = await seedTenant(storage, 'd', 'e');
          const event = await eventFor(storage, tenantId, { to: ['d'] });
          for (let batch = 0; batch < 3; batch++)
            await outcomesOf(storage, ...Array.from({ length: 700 }, () => event));
          const retry = await dueAt(storage, tenantId, 'd', own.nowMs() + 1000);
          const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS };
          const found = await claim(storage, { ...lane, limit: 10, retryPlaces: 2 });
          expect(seqsOf(found)).toHaveLength(10);
          expect(seqsOf(found)).toContain(retry.seq);

          const failed = await eventFor(storage, tenantId, { toClaimed: ['e'] });
          const seqs = (
            await outcomesOf(storage, ...Array.from({ length: 700 }, () => failed))
          ).flatMap((outcome) => (outcome.kind === 'stored' ? [outcome.seq] : []));
          const verdict = { status: 'pending', nextAttemptAtMs: 1000 } as const;
          await storage.record({
            attempts: seqs.map((seq) => failureOf({ seq, ordinal: 0 }, verdict)),
          });
          const first = await publish(storage, tenantId, { to: ['e'] });
          const others = await claim(storage, {
            ...lane,
            destinationId: 'e',
            limit: 10,
            retryPlaces: 2,
          });
          expect(seqsOf(others)).toEqual([...seqs.slice(0, 9), first]);
        });
      });

      it('holds after a crash, a release and a retry by hand, too', async () => {
        await withDatabase(driver, async (own) => {
          const { tenantId, first, retries } = await bothDue(own.storage, { first: 6, retries: 4 });
          const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS };
          // In the memory of one that dies; one more of each with nobody.
          await claim(own.storage, lane);
          await own.crash();
          const { storage } = own;
          const [laterRetry, laterFirst] = [
            (await dueAt(storage, tenantId, 'd', 2000)).seq,
            await publish(storage, tenantId, { to: ['d'] }),
          ];
          const ofDead = await claim(storage, { ...lane, limit: 4, retryPlaces: 2 });
          expect(seqsOf(ofDead)).toEqual([...retries.slice(0, 2), ...first.slice(0, 2)]);
          // They go back, and have their places again.
          await storage.release({ deliveries: ofDead.deliveries.map(({ key }) => key) });
          const again = await claim(storage, { ...lane, limit: 8, retryPlaces: 2 });
          expect(seqsOf(again)).toEqual([...retries.slice(0, 2), ...first]);

          const asked = await publish(storage, tenantId, { toClaimed: ['d'] });
          await storage.record({ attempts: [attemptOf({ seq: asked, ordinal: 0 })] });
          const nowMs = own.nowMs() + 1000;
          await storage.retryByHand({ tenantId, eventSeq: asked, destinationId: 'd', nowMs });
          const rest = await claim(storage, { ...lane, limit: 4, retryPlaces: 3 });
          expect(seqsOf(rest)).toEqual([...retries.slice(2), laterRetry, laterFirst]);
          expect(seqsOf(await claim(storage, lane))).toEqual([asked]);
        });
      });
    });

    it('leaves what is not due yet, and tells when it will be', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const first = await dueAt(db.storage, tenantId, 'd', 1000);
      const second = await dueAt(db.storage, tenantId, 'd', 1001);
      const early = await claim(db.storage, { tenantId, destinationId: 'd', dueBeforeMs: 999 });
      expect(early).toMatchObject({ deliveries: [], nextDueAtMs: 1000 });
      const due = await claim(db.storage, { tenantId, destinationId: 'd', dueBeforeMs: 1000 });
      expect(due.deliveries.map(({ key }) => key)).toEqual([first]);
      expect(due.nextDueAtMs).toBe(1001);
      const rest = await claim(db.storage, { tenantId, destinationId: 'd', dueBeforeMs: 1001 });
      expect(rest.deliveries.map(({ key }) => key)).toEqual([second]);
      expect(rest.nextDueAtMs).toBeNull();
    });

    it('never gives what a live node has claimed: from birth, or before', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      await publish(db.storage, tenantId, { toClaimed: ['d'] });
      await publish(db.storage, tenantId, { to: ['d'] });
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: later() };
      expect((await claim(db.storage, lane)).deliveries).toHaveLength(1);
      expect(await claim(db.storage, lane)).toMatchObject({ deliveries: [], nextDueAtMs: null });
    });

    it('gives each delivery to one of several claims made together', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seqs: number[] = [];
      for (let index = 0; index < 12; index++)
        seqs.push(await publish(db.storage, tenantId, { to: ['d'] }));
      const lane = { tenantId, destinationId: 'd', limit: 5, dueBeforeMs: later() };
      const claims = await Promise.all([1, 2, 3, 4].map(() => claim(db.storage, lane)));
      const claimed = claims.flatMap(({ deliveries }) => deliveries.map(({ key }) => key.seq));
      expect(claimed.toSorted((a, b) => a - b)).toEqual(seqs);
    });

    it('never gives what is delivered, failed or canceled', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b', 'c');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['a', 'b'], to: ['c'] });
      await db.storage.record({
        attempts: [
          attemptOf({ seq, ordinal: 1 }),
          failureOf({ seq, ordinal: 2 }, { status: 'failed' }),
        ],
      });
      await db.storage.cancel({ delivery: { seq, ordinal: 0 }, nowMs: db.nowMs() });
      for (const destinationId of ['a', 'b', 'c']) {
        const lane = { tenantId, destinationId, dueBeforeMs: later() };
        expect(await claim(db.storage, lane)).toMatchObject({ deliveries: [], nextDueAtMs: null });
      }
    });

    it('serves several lanes in one call, each with its own limit, answered as asked', async () => {
      const one = await seedTenant(db.storage, 'same', 'other');
      const two = await seedTenant(db.storage, 'same');
      const ofOne = [];
      for (let index = 0; index < 3; index++)
        ofOne.push(await publish(db.storage, one, { to: ['same', 'other'] }));
      const ofTwo = await publish(db.storage, two, { to: ['same'] });

      const lanes = [
        { tenantId: two, destinationId: 'same', limit: 5 },
        { tenantId: one, destinationId: 'no such', limit: 5 },
        { tenantId: one, destinationId: 'other', limit: 2 },
        { tenantId: 'no such', destinationId: 'same', limit: 5 },
        { tenantId: one, destinationId: 'same', limit: 1 },
      ];
      const claimed = await db.storage.claim({ lanes, dueBeforeMs: later() });
      expect(claimed.map((lane) => [lane.tenantId, lane.destinationId])).toEqual(
        lanes.map((lane) => [lane.tenantId, lane.destinationId]),
      );
      expect(claimed.map(({ deliveries }) => deliveries.map(({ key }) => key))).toEqual([
        [{ seq: ofTwo, ordinal: 0 }],
        [],
        [
          { seq: ofOne[0], ordinal: 1 },
          { seq: ofOne[1], ordinal: 1 },
        ],
        [],
        [{ seq: ofOne[0], ordinal: 0 }],
      ]);
      expect(claimed.map(({ nextDueAtMs }) => nextDueAtMs === null)).toEqual([
        true,
        true,
        false,
        true,
        false,
      ]);
    });

    it('gives nothing of a destination that is deleted, nor of it to one made anew under its id', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      await publish(db.storage, tenantId, { to: ['d'] });
      await db.storage.destinationDelete({ tenantId, id: 'd' });
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: later() };
      expect(await claim(db.storage, lane)).toMatchObject({ deliveries: [], nextDueAtMs: null });
      await insertDestination(db.storage, tenantId, 'd');
      expect(await claim(db.storage, lane)).toMatchObject({ deliveries: [], nextDueAtMs: null });
    });

    it('gives what a dead incarnation had claimed, in the order of all', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS };
        const first = await dueAt(own.storage, tenantId, 'd', 1000);
        const third = await dueAt(own.storage, tenantId, 'd', 3000);
        await claim(own.storage, { ...lane, dueBeforeMs: 1000 });
        await own.crash();
        await claim(own.storage, { ...lane, dueBeforeMs: 1000 });
        const second = await dueAt(own.storage, tenantId, 'd', 2000);
        await claim(own.storage, { ...lane, dueBeforeMs: 2000, limit: 1 });
        await own.crash();

        // 1000 and 2000 were claimed by two dead incarnations, 3000 by none.
        const two = await claim(own.storage, { ...lane, limit: 2 });
        expect(two.deliveries.map(({ key }) => key)).toEqual([first, second]);
        expect(two.nextDueAtMs).toBe(3000);
        const rest = await claim(own.storage, lane);
        expect(rest.deliveries.map(({ key }) => key)).toEqual([third]);
        expect(await claim(own.storage, lane)).toMatchObject({ deliveries: [], nextDueAtMs: null });
      });
    });

    it('gives what an incarnation had claimed that was closed without giving it up', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const seq = await publish(own.storage, tenantId, { toClaimed: ['d'] });
        const after = await own.restart();
        expect(await deliveryAt(after, seq)).toMatchObject({ status: 'pending', claimed: false });
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS };
        expect((await claim(after, lane)).deliveries).toMatchObject([{ key: { seq, ordinal: 0 } }]);
      });
    });
  });

  describe('release', () => {
    const db = shareDatabase(driver);

    it('makes claims due again at once, as they were', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const key = await dueAt(db.storage, tenantId, 'd', 1000);
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: 1000 };
      const before = await claim(db.storage, lane);
      await db.storage.release({ deliveries: [key] });
      expect(await deliveryAt(db.storage, key.seq)).toMatchObject({ claimed: false, attempts: 1 });
      const again = await claim(db.storage, { ...lane, dueBeforeMs: db.nowMs() });
      expect(again.deliveries).toEqual(before.deliveries);
    });

    it('passes over what this node does not hold, and what owes nothing any more', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b', 'c');
      const seq = await publish(db.storage, tenantId, { to: ['a'], toClaimed: ['b', 'c'] });
      const keys = [0, 1, 2].map((ordinal) => ({ seq, ordinal }));
      await db.storage.record({ attempts: [attemptOf({ seq, ordinal: 1 })] });
      await db.storage.cancel({ delivery: { seq, ordinal: 2 }, nowMs: db.nowMs() });
      const all = () =>
        Promise.all(keys.map(({ ordinal }) => deliveryAt(db.storage, seq, ordinal)));
      const before = await all();
      await db.storage.release({ deliveries: [...keys, { seq: 1, ordinal: 0 }] });
      expect(await all()).toEqual(before);
    });
  });

  describe('waitingLanes', () => {
    it('names each lane with unclaimed deliveries once, with the time of its first', async () => {
      await withDatabase(driver, async (db) => {
        const { storage } = db;
        const one = await seedTenant(storage, 'd', 'claimed', 'idle', 'failed');
        const two = await seedTenant(storage, 'd');
        expect(await storage.waitingLanes()).toEqual([]);
        const future = db.nowMs() + HOUR_MS;
        await dueAt(storage, one, 'd', 5000);
        await dueAt(storage, one, 'd', 4000);
        await dueAt(storage, two, 'd', future);
        const seq = await publish(storage, one, { toClaimed: ['claimed', 'failed'] });
        await storage.record({
          attempts: [failureOf({ seq, ordinal: 1 }, { status: 'failed' })],
        });

        const lanes = await storage.waitingLanes();
        expect(lanes.toSorted((a, b) => a.firstDueAtMs - b.firstDueAtMs)).toEqual([
          { tenantId: one, destinationId: 'd', firstDueAtMs: 4000 },
          { tenantId: two, destinationId: 'd', firstDueAtMs: future },
        ]);
      });
    });

    it('counts the claims of dead incarnations as nobody’s', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd', 'e');
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS };
        await dueAt(own.storage, tenantId, 'd', 2000);
        await claim(own.storage, lane);
        await dueAt(own.storage, tenantId, 'd', 3000);
        await dueAt(own.storage, tenantId, 'e', 1000);
        await claim(own.storage, { ...lane, destinationId: 'e' });
        expect(await own.storage.waitingLanes()).toEqual([
          { tenantId, destinationId: 'd', firstDueAtMs: 3000 },
        ]);

        const lanes = await (await own.crash()).waitingLanes();
        expect(lanes.toSorted((a, b) => a.firstDueAtMs - b.firstDueAtMs)).toEqual([
          { tenantId, destinationId: 'e', firstDueAtMs: 1000 },
          { tenantId, destinationId: 'd', firstDueAtMs: 2000 },
        ]);
      });
    });

    it('leaves out what deleted destinations and tenants were owed', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const one = await seedTenant(storage, 'gone', 'stays');
        const two = await seedTenant(storage, 'd');
        await publish(storage, one, { to: ['gone', 'stays'] });
        await publish(storage, two, { to: ['d'] });
        await storage.destinationDelete({ tenantId: one, id: 'gone' });
        await storage.tenantDelete({ id: two });
        expect(await storage.waitingLanes()).toMatchObject([
          { tenantId: one, destinationId: 'stays' },
        ]);
      });
    });
  });
}
