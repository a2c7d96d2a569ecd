/** Ordered destinations: what is claimed when, what stands behind what, and which versions are superseded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Order } from '../../src/domain/order.ts';
import type { DeliveryKey } from '../../src/storage/reading.ts';
import type { ClaimedLane } from '../../src/storage/claiming.ts';
import type { PublishOutcome, Storage } from '../../src/storage/storage.ts';
import {
  HOUR_MS,
  attemptOf,
  deliveryAt,
  eventFor,
  failureOf,
  outcomesOf,
  seedTenant,
  switchDestination,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

type Stored = PublishOutcome & { readonly kind: 'stored' };

interface OrderedEvent {
  readonly order: Order;
  readonly key?: string;
  /** A version of the resource `urn`. */
  readonly clock?: Readonly<Record<string, number>>;
  readonly urn?: string;
  readonly claimed?: boolean;
  readonly deliverAtMs?: number;
}

async function publishOrdered(
  storage: Storage,
  tenantId: string,
  { order, key, clock, urn, claimed = false, deliverAtMs }: OrderedEvent,
  ...destinationIds: string[]
): Promise<Stored> {
  const ids = destinationIds.length === 0 ? ['d'] : destinationIds;
  const resource =
    urn === undefined
      ? null
      : JSON.stringify({ urn, ...(clock === undefined ? {} : { vector_clock: clock }) });
  const event = await eventFor(storage, tenantId, {
    orderKey: key ?? null,
    resource,
    deliverAtMs: deliverAtMs ?? null,
    destinations: ids.map((id) => ({ id, claimed, order })),
  });
  const [outcome] = await outcomesOf(storage, event);
  if (outcome?.kind !== 'stored') throw new Error(`the event was not stored: ${outcome?.kind}`);
  return outcome;
}

/** Claims the ordered lane; gives the numbers of the events, and the rest of the answer. */
async function claimOrdered(
  storage: Storage,
  tenantId: string,
  dueBeforeMs: number,
  limit = 1000,
): Promise<Omit<ClaimedLane, 'deliveries'> & { readonly seqs: number[] }> {
  const lane = { tenantId, destinationId: 'd', isOrdered: true, limit };
  const [claimed] = await storage.claim({ lanes: [lane], dueBeforeMs });
  if (claimed === undefined) throw new Error('no answer for the lane');
  const { deliveries, ...rest } = claimed;
  return { ...rest, seqs: deliveries.map(({ key }) => key.seq) };
}

const first = (seq: number): DeliveryKey => ({ seq, ordinal: 0 });

export function describeOrder(driver: StorageDriver): void {
  describe('an ordered destination, by key', () => {
    const db = shareDatabase(driver);
    const later = () => db.nowMs() + HOUR_MS;
    const KEY = { order: 'key', key: 'k' } as const;

    it('gives the first of each key, and the next when that one is done with', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const [a1, b1] = [
        await publishOrdered(db.storage, tenantId, { order: 'key', key: 'a' }),
        await publishOrdered(db.storage, tenantId, { order: 'key', key: 'b' }),
      ];
      const a2 = await publishOrdered(db.storage, tenantId, { order: 'key', key: 'a' });
      const claimed = await claimOrdered(db.storage, tenantId, later());
      expect(claimed.seqs.toSorted((a, b) => a - b)).toEqual([a1.seq, b1.seq]);
      expect(claimed.hasFollowers).toBe(true);
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([]);

      await db.storage.record({ attempts: [attemptOf(first(a1.seq))] });
      const next = await claimOrdered(db.storage, tenantId, later());
      expect(next).toMatchObject({ seqs: [a2.seq], nextDueAtMs: null });
    });

    it('takes the resource for the key where the event has none; with neither it goes as it comes', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const one = await publishOrdered(db.storage, tenantId, { order: 'key', urn: 'urn:x' });
      await publishOrdered(db.storage, tenantId, { order: 'key', urn: 'urn:x' });
      const free = [
        await publishOrdered(db.storage, tenantId, { order: 'key' }),
        await publishOrdered(db.storage, tenantId, { order: 'key' }),
      ];
      const { seqs } = await claimOrdered(db.storage, tenantId, later());
      expect(seqs.toSorted((a, b) => a - b)).toEqual([one.seq, ...free.map(({ seq }) => seq)]);
    });

    it('tells which of those that were to be claimed stand behind something that nobody has', async () => {
      const tenantId = await seedTenant(db.storage, 'd', 'e');
      await publishOrdered(db.storage, tenantId, KEY);
      const behind = await publishOrdered(
        db.storage,
        tenantId,
        { ...KEY, claimed: true },
        'e',
        'd',
      );
      expect(behind.behind).toEqual([1]);
      expect(await deliveryAt(db.storage, behind.seq, 0)).toMatchObject({ claimed: true });
      expect(await deliveryAt(db.storage, behind.seq, 1)).toMatchObject({ claimed: false });
      const other = { order: 'key', key: 'other', claimed: true } as const;
      expect(await publishOrdered(db.storage, tenantId, other)).not.toHaveProperty('behind');
    });

    it('lets a claimed one be claimed behind what this node has itself', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const claimed = { ...KEY, claimed: true };
      await publishOrdered(db.storage, tenantId, claimed);
      const second = await publishOrdered(db.storage, tenantId, claimed);
      expect(second).not.toHaveProperty('behind');
      expect(await deliveryAt(db.storage, second.seq)).toMatchObject({ claimed: true });
    });

    it('holds back only its key while one waits for its retry', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const failing = await publishOrdered(db.storage, tenantId, { ...KEY, claimed: true });
      const waiting = await publishOrdered(db.storage, tenantId, { ...KEY, claimed: true });
      const other = await publishOrdered(db.storage, tenantId, { order: 'key', key: 'other' });
      const nextAttemptAtMs = later();
      const verdict = { status: 'pending', nextAttemptAtMs } as const;
      await db.storage.record({ attempts: [failureOf(first(failing.seq), verdict)] });
      await db.storage.release({ deliveries: [first(waiting.seq)] });

      const now = await claimOrdered(db.storage, tenantId, db.nowMs());
      expect(now).toMatchObject({ seqs: [other.seq], nextDueAtMs: nextAttemptAtMs });
      const then = await claimOrdered(db.storage, tenantId, nextAttemptAtMs);
      expect(then.seqs).toEqual([failing.seq]);
      await db.storage.record({ attempts: [attemptOf(first(failing.seq), { number: 2 })] });
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([waiting.seq]);
    });

    it('waits for what is to be delivered later', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const deliverAtMs = later();
      const late = await publishOrdered(db.storage, tenantId, { ...KEY, deliverAtMs });
      await publishOrdered(db.storage, tenantId, KEY);
      const now = await claimOrdered(db.storage, tenantId, db.nowMs());
      expect(now).toMatchObject({ seqs: [], nextDueAtMs: deliverAtMs });
      expect((await claimOrdered(db.storage, tenantId, deliverAtMs)).seqs).toEqual([late.seq]);
    });

    it('passes over what failed for good, unless that holds the key', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const events: Stored[] = [];
      for (let index = 0; index < 3; index++)
        events.push(await publishOrdered(db.storage, tenantId, KEY));
      const [skipped, holding, last] = events.map(({ seq }) => seq);
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([skipped]);
      const failed = (seq = 0, holds = false) =>
        db.storage.record({ attempts: [failureOf(first(seq), { status: 'failed', holds })] });
      await failed(skipped);
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([holding]);
      await failed(holding, true);
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([]);
      const behind = await publishOrdered(db.storage, tenantId, { ...KEY, claimed: true });
      expect(behind.behind).toEqual([0]);

      const cancel = { delivery: first(holding ?? 0), nowMs: db.nowMs() };
      expect(await db.storage.cancel(cancel)).toBe('canceled');
      expect(await deliveryAt(db.storage, holding ?? 0)).toMatchObject({ status: 'failed' });
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([last]);
    });

    it('lets the key go with the retry by hand of what held it', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const holding = await publishOrdered(db.storage, tenantId, { ...KEY, claimed: true });
      const waiting = await publishOrdered(db.storage, tenantId, KEY);
      const verdict = { status: 'failed', holds: true } as const;
      await db.storage.record({ attempts: [failureOf(first(holding.seq), verdict)] });
      const asked = { tenantId, eventSeq: holding.seq, destinationId: 'd', nowMs: db.nowMs() };
      expect(await db.storage.retryByHand(asked)).toBe('due');
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([holding.seq]);
      await db.storage.record({ attempts: [attemptOf(first(holding.seq), { number: 2 })] });
      expect((await claimOrdered(db.storage, tenantId, later())).seqs).toEqual([waiting.seq]);
    });

    it('gives what has no key from before the destination was ordered, too', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const before = await publishOrdered(db.storage, tenantId, { order: 'none', key: 'k' });
      const after = await publishOrdered(db.storage, tenantId, KEY);
      const { seqs } = await claimOrdered(db.storage, tenantId, later());
      expect(seqs.toSorted((a, b) => a - b)).toEqual([before.seq, after.seq]);
    });

    it('goes by numbers over a crash: what a dead incarnation had is free, and still the first', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const one = await publishOrdered(own.storage, tenantId, { ...KEY, claimed: true });
        const two = await publishOrdered(own.storage, tenantId, { ...KEY, claimed: true });
        const storage = await own.crash();
        const fresh = await publishOrdered(storage, tenantId, { ...KEY, claimed: true });
        expect(fresh.behind).toEqual([0]);
        for (const { seq } of [one, two, fresh]) {
          const claimed = await claimOrdered(storage, tenantId, own.nowMs() + HOUR_MS);
          expect(claimed.seqs).toEqual([seq]);
          await storage.record({ attempts: [attemptOf(first(seq))] });
        }
      });
    });

    it('gives each key in the order of publishing, however it is claimed', async () => {
      const event = fc.record({ key: fc.constantFrom('a', 'b', 'c'), claimed: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(
          fc.array(event, { maxLength: 12 }),
          fc.integer({ min: 1, max: 4 }),
          async (events, limit) => {
            const tenantId = await seedTenant(db.storage, 'd');
            const keys = new Map<number, string>();
            const published = new Map<string, number[]>();
            const held: number[] = [];
            for (const { key, claimed } of events) {
              const outcome = await publishOrdered(db.storage, tenantId, {
                order: 'key',
                key,
                claimed,
              });
              keys.set(outcome.seq, key);
              published.set(key, [...(published.get(key) ?? []), outcome.seq]);
              if (claimed && outcome.behind === undefined) held.push(outcome.seq);
            }
            const done = new Map<string, number[]>();
            for (let left = events.length * 2; left > 0; left--) {
              if (held.length === 0)
                held.push(...(await claimOrdered(db.storage, tenantId, later(), limit)).seqs);
              const seq = held.shift();
              if (seq === undefined) continue;
              const key = keys.get(seq) ?? '';
              done.set(key, [...(done.get(key) ?? []), seq]);
              await db.storage.record({ attempts: [attemptOf(first(seq))] });
            }
            expect(done).toEqual(published);
          },
        ),
        { numRuns: driver.can.restartCheaply ? 60 : 10 },
      );
    });
  });

  describe('an ordered destination, by the latest version', () => {
    const db = shareDatabase(driver);
    const LATEST = { order: 'latest', urn: 'urn:x' } as const;
    const statusOf = async ({ seq }: Stored, ordinal = 0) =>
      (await deliveryAt(db.storage, seq, ordinal)).status;

    it('supersedes what waits and is older', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const old = await publishOrdered(db.storage, tenantId, { ...LATEST, clock: { a: 1, b: 1 } });
      const newer = await publishOrdered(db.storage, tenantId, {
        ...LATEST,
        clock: { a: 2, b: 1 },
      });
      expect(newer).not.toHaveProperty('superseded');
      expect(await deliveryAt(db.storage, old.seq)).toMatchObject({
        status: 'canceled',
        lastCode: 'superseded',
        nextAttemptAtMs: null,
      });
      const claimed = await claimOrdered(db.storage, tenantId, db.nowMs() + HOUR_MS);
      expect(claimed.seqs).toEqual([newer.seq]);
    });

    it('only names what this node has in memory', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const old = await publishOrdered(db.storage, tenantId, { ...LATEST, claimed: true });
      const newer = await publishOrdered(db.storage, tenantId, { ...LATEST, claimed: true });
      expect(newer.superseded).toEqual([first(old.seq)]);
      expect(await statusOf(old)).toBe('pending');
    });

    it('stores what is older than one that waits as superseded', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const newer = await publishOrdered(db.storage, tenantId, { ...LATEST, clock: { a: 5 } });
      const late = await publishOrdered(db.storage, tenantId, {
        ...LATEST,
        clock: { a: 4 },
        claimed: true,
      });
      expect(late.behind).toEqual([0]);
      expect([await statusOf(newer), await statusOf(late)]).toEqual(['pending', 'canceled']);
    });

    it('keeps concurrent versions, and goes by the order of publishing where there are no clocks', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const one = await publishOrdered(db.storage, tenantId, { ...LATEST, clock: { a: 2 } });
      const other = await publishOrdered(db.storage, tenantId, { ...LATEST, clock: { b: 1 } });
      expect([await statusOf(one), await statusOf(other)]).toEqual(['pending', 'pending']);
      const plain = await publishOrdered(db.storage, tenantId, LATEST);
      expect([await statusOf(one), await statusOf(other)]).toEqual(['canceled', 'canceled']);
      expect(await statusOf(plain)).toBe('pending');
    });

    it('leaves other resources, other destinations and what is done with alone', async () => {
      const tenantId = await seedTenant(db.storage, 'd', 'e');
      const done = await publishOrdered(db.storage, tenantId, { ...LATEST, claimed: true });
      await db.storage.record({ attempts: [attemptOf(first(done.seq))] });
      const other = await publishOrdered(db.storage, tenantId, { order: 'latest', urn: 'urn:y' });
      const both = await publishOrdered(db.storage, tenantId, LATEST, 'd', 'e');
      const newer = await publishOrdered(db.storage, tenantId, LATEST, 'e');
      expect(await statusOf(done)).toBe('delivered');
      expect(await statusOf(other)).toBe('pending');
      expect([await statusOf(both, 0), await statusOf(both, 1)]).toEqual(['pending', 'canceled']);
      expect(await statusOf(newer)).toBe('pending');
    });

    it('puts a version behind a concurrent one that nobody has, also where it supersedes the first', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const deliverAtMs = db.nowMs() + HOUR_MS;
      const waiting = { ...LATEST, clock: { a: 1 }, deliverAtMs };
      const superseded = await publishOrdered(db.storage, tenantId, waiting);
      const concurrent = await publishOrdered(db.storage, tenantId, {
        ...LATEST,
        clock: { b: 1 },
      });
      const newer = { ...LATEST, clock: { a: 2 }, claimed: true };
      const { behind } = await publishOrdered(db.storage, tenantId, newer);
      expect(behind).toEqual([0]);
      expect(await statusOf(superseded)).toBe('canceled');
      const claimed = await claimOrdered(db.storage, tenantId, db.nowMs());
      expect(claimed).toMatchObject({ seqs: [concurrent.seq], hasFollowers: true });
    });

    it('gives both of two concurrent versions, one after the other', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const events = [
        await publishOrdered(db.storage, tenantId, { ...LATEST, clock: { a: 1 } }),
        await publishOrdered(db.storage, tenantId, { ...LATEST, clock: { b: 1 } }),
      ];
      for (const { seq } of events) {
        const claimed = await claimOrdered(db.storage, tenantId, db.nowMs() + HOUR_MS);
        expect(claimed.seqs).toEqual([seq]);
        await db.storage.record({ attempts: [attemptOf(first(seq))] });
      }
    });
  });

  describe('a lane whose destination was disabled and is enabled again', () => {
    const db = shareDatabase(driver);

    it.each([false, true])(
      'gives nothing before what it was owed is canceled (ordered: %s)',
      async (isOrdered) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const order = isOrdered ? 'key' : 'none';
        const old = await publishOrdered(db.storage, tenantId, { order, key: 'k' });
        const disabled = { disabledAtMs: db.nowMs(), cancelPending: true };
        await switchDestination(db.storage, tenantId, 'd', disabled);
        const enabled = { disabledAtMs: null, cancelPending: false };
        await switchDestination(db.storage, tenantId, 'd', enabled);
        const fresh = await publishOrdered(db.storage, tenantId, { order, key: 'k' });
        const dueBeforeMs = db.nowMs() + HOUR_MS;
        const lanes = [{ tenantId, destinationId: 'd', isOrdered, limit: 10 }];
        const [before] = await db.storage.claim({ lanes, dueBeforeMs });
        expect(before?.deliveries).toEqual([]);
        expect(before?.nextDueAtMs).toBeGreaterThanOrEqual(dueBeforeMs);
        expect(before?.nextDueAtMs).toBeLessThan(dueBeforeMs + 1000);

        while ((await db.storage.cancelSlice({ limit: 10, nowMs: db.nowMs() })).more);
        const [after] = await db.storage.claim({ lanes, dueBeforeMs });
        expect(after?.deliveries.map(({ key }) => key.seq)).toEqual([fresh.seq]);
        expect(await deliveryAt(db.storage, old.seq)).toMatchObject({ status: 'canceled' });
      },
    );
  });
}
