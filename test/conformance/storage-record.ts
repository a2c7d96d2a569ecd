/** `record`: what attempts produced, where the claim still holds. */
import { describe, expect, it } from 'vitest';

import { FAILURE_REASONS } from '../../src/domain/attempt.ts';
import type { AttemptRecord, Verdict } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  HOUR_MS,
  attemptOf,
  attemptsOf,
  cancelAll,
  claim,
  deliveryAt,
  failureOf,
  pruneAll,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

export function describeRecord(driver: StorageDriver): void {
  describe('record', () => {
    const db = shareDatabase(driver);

    /** A delivery that this node has claimed. */
    async function claimedDelivery(): Promise<{ tenantId: string; seq: number; ordinal: number }> {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      return { tenantId, seq, ordinal: 0 };
    }

    const VERDICTS: [Verdict, object][] = [
      [{ status: 'delivered' }, { status: 'delivered', nextAttemptAtMs: null }],
      [{ status: 'failed' }, { status: 'failed', nextAttemptAtMs: null, deliveredAtMs: null }],
      [
        { status: 'pending', nextAttemptAtMs: 4_000_000_000_000 },
        { status: 'pending', nextAttemptAtMs: 4_000_000_000_000, deliveredAtMs: null },
      ],
    ];

    it.each(VERDICTS)('writes the verdict %j', async (verdict, expected) => {
      const { seq } = await claimedDelivery();
      const before = db.nowMs();
      const attempts = [failureOf({ seq, ordinal: 0 }, verdict)];
      expect(await db.storage.record({ attempts })).toEqual(['recorded']);

      const delivery = await deliveryAt(db.storage, seq);
      expect(delivery).toMatchObject({ ...expected, claimed: false, attempts: 1, lastCode: '503' });
      expect(delivery.updatedAtMs).toBeGreaterThanOrEqual(before);
      if (verdict.status === 'delivered') expect(delivery.deliveredAtMs).toBe(delivery.updatedAtMs);
    });

    it('counts the deliveries of an event by status', async () => {
      const ids = ['a', 'b', 'c', 'd', 'e'];
      const tenantId = await seedTenant(db.storage, ...ids);
      const seq = await publish(db.storage, tenantId, { id: 'x', toClaimed: ids });
      const verdicts: Verdict[] = [
        { status: 'delivered' },
        { status: 'failed' },
        { status: 'delivered' },
        { status: 'pending', nextAttemptAtMs: 0 },
      ];
      const attempts = verdicts.map((verdict, ordinal) => attemptOf({ seq, ordinal }, { verdict }));
      await db.storage.record({ attempts });
      await db.storage.cancel({ delivery: { seq, ordinal: 4 }, nowMs: db.nowMs() });

      const events = await db.storage.eventGet({ id: 'x', tenantId });
      expect(events).toMatchObject([
        { destinationIds: ids, counts: { pending: 1, delivered: 2, failed: 1, canceled: 1 } },
      ]);
    });

    const ATTEMPTS: [string, Partial<AttemptRecord>][] = [
      ['delivered', {}],
      ['without a response', { reason: 'timeout', detail: 'Too late.', response: null }],
      ['delivered by a broker, without a response', { response: null }],
      [
        'of every timing',
        { timings: { dnsMs: 0, connectMs: 0.1, tlsMs: 3, firstByteMs: 4.4, totalMs: 0 } },
      ],
      [
        'of no timing but the total',
        {
          timings: {
            dnsMs: null,
            connectMs: null,
            tlsMs: null,
            firstByteMs: null,
            totalMs: 30_000.5,
          },
        },
      ],
      [
        'with a body of any bytes',
        {
          response: {
            status: 200,
            headers: '',
            body: Uint8Array.from({ length: 16_384 }, (_, index) => index & 255),
            truncated: true,
          },
        },
      ],
      [
        'with an empty body',
        { response: { status: 204, headers: 'a\n1', body: new Uint8Array(), truncated: false } },
      ],
      [
        'asked for by hand, in any script',
        {
          kind: 'manual',
          detail: 'Zürich 😀',
          request: {
            shape: { url: 'https://bücher.example/ü?a=%00', headers: 'x-é\nß', payload: 'p' },
            headers: 'x-ü\nß',
          },
        },
      ],
    ];

    it.each(ATTEMPTS)('keeps an attempt as it was: %s', async (_, changes) => {
      const { tenantId, ...delivery } = await claimedDelivery();
      const attempt = attemptOf(delivery, changes);
      await db.storage.record({ attempts: [attempt] });

      const [stored] = await attemptsOf(db.storage, delivery);
      const { verdict, step, ...kept } = attempt;
      expect(stored).toMatchObject({
        ...kept,
        tenantId,
        destinationId: 'd',
        destinationType: 'webhook',
        event: { seq: delivery.seq, tenantId, topic: 'room.created', eligibleForRetry: true },
      });
      expect(stored?.response).toEqual(attempt.response);
      expect(await db.storage.attemptGet({ seq: stored?.seq ?? 0 })).toEqual(stored);
    });

    it.each(FAILURE_REASONS)('shows the reason %s where no status decided', async (reason) => {
      const { tenantId: _, ...delivery } = await claimedDelivery();
      const response = { status: 418, headers: '', body: new Uint8Array(), truncated: false };
      const attempt = attemptOf(delivery, { verdict: { status: 'failed' }, reason, response });
      await db.storage.record({ attempts: [attempt] });
      const code = reason === 'http_status' ? '418' : reason;
      expect(await attemptsOf(db.storage, delivery)).toMatchObject([{ reason, code }]);
      expect(await deliveryAt(db.storage, delivery.seq)).toMatchObject({ lastCode: code });
    });

    it('numbers attempts in the order in which they were recorded', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b', 'c');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['a', 'b', 'c'] });
      const order = [2, 0, 1];
      const attempts = order.map((ordinal) => attemptOf({ seq, ordinal }));
      expect(await db.storage.record({ attempts })).toEqual(['recorded', 'recorded', 'recorded']);
      const { rows } = await db.storage.attemptList({ ...ALL_ATTEMPTS, tenantIds: [tenantId] });
      expect(rows.map(({ delivery }) => delivery.ordinal)).toEqual(order);
    });

    it('keeps the attempts of a delivery together, over claims, retries by hand and a restart', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd', 'other');
        const seq = await publish(own.storage, tenantId, { toClaimed: ['d', 'other'] });
        const key = { seq, ordinal: 0 };
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS };
        const again = { status: 'pending', nextAttemptAtMs: own.nowMs() } as const;

        await own.storage.record({ attempts: [failureOf(key, again)] });
        await own.storage.record({ attempts: [attemptOf({ seq, ordinal: 1 })] });
        await own.restart();
        const second = await claim(own.storage, lane);
        expect(second.deliveries).toMatchObject([{ attempts: 1, step: 1, askedBy: 'schedule' }]);
        await own.storage.record({
          attempts: [failureOf(key, { status: 'failed' }, { number: 2, step: 2, kind: 'retry' })],
        });
        const nowMs = own.nowMs();
        await own.storage.retryByHand({ tenantId, eventSeq: seq, destinationId: 'd', nowMs });
        const third = await claim(own.storage, lane);
        expect(third.deliveries).toMatchObject([{ attempts: 2, askedBy: 'hand' }]);
        await own.storage.record({ attempts: [attemptOf(key, { number: 3, kind: 'manual' })] });

        const kinds = (await attemptsOf(own.storage, key)).map(({ number, kind }) => [
          number,
          kind,
        ]);
        expect(kinds).toEqual([
          [1, 'first'],
          [2, 'retry'],
          [3, 'manual'],
        ]);
        const { rows } = await own.storage.attemptList({ ...ALL_ATTEMPTS, eventSeq: seq });
        expect(rows.map(({ delivery, number }) => [delivery.ordinal, number])).toEqual([
          [0, 1],
          [1, 1],
          [0, 2],
          [0, 3],
        ]);
      });
    });

    it('forgets with an attempt that it was asked for by hand', async () => {
      const { tenantId, ...key } = await claimedDelivery();
      await db.storage.record({ attempts: [failureOf(key, { status: 'failed' })] });
      const nowMs = db.nowMs();
      await db.storage.retryByHand({ tenantId, eventSeq: key.seq, destinationId: 'd', nowMs });
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: nowMs + HOUR_MS };
      await claim(db.storage, lane);
      const verdict: Verdict = { status: 'pending', nextAttemptAtMs: nowMs };
      await db.storage.record({ attempts: [failureOf(key, verdict, { number: 2, step: 7 })] });
      const { deliveries } = await claim(db.storage, lane);
      expect(deliveries).toMatchObject([{ attempts: 2, step: 7, askedBy: 'schedule' }]);
    });

    it('writes the attempt of a delivery that was canceled meanwhile, which stays canceled', async () => {
      const { tenantId: _, ...key } = await claimedDelivery();
      await db.storage.cancel({ delivery: key, nowMs: db.nowMs() });
      expect(await db.storage.record({ attempts: [attemptOf(key)] })).toEqual(['canceled']);
      expect(await deliveryAt(db.storage, key.seq)).toMatchObject({
        status: 'canceled',
        attempts: 1,
        lastCode: '200',
        nextAttemptAtMs: null,
        deliveredAtMs: null,
      });
      expect(await attemptsOf(db.storage, key)).toHaveLength(1);
    });

    it('writes the attempt of a delivery whose destination is gone, which ends canceled', async () => {
      const { tenantId, ...key } = await claimedDelivery();
      await db.storage.destinationDelete({ tenantId, id: 'd' });
      const verdict: Verdict = { status: 'pending', nextAttemptAtMs: db.nowMs() };
      await db.storage.record({ attempts: [failureOf(key, verdict)] });
      await cancelAll(db.storage, db.nowMs());
      expect(await deliveryAt(db.storage, key.seq)).toMatchObject({
        status: 'canceled',
        attempts: 1,
      });
      expect(await attemptsOf(db.storage, key)).toMatchObject([{ destinationId: 'd' }]);
    });

    it('loses what this node has not claimed', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { to: ['d'] });
      const key = { seq, ordinal: 0 };
      const before = await deliveryAt(db.storage, seq);
      const attempts = [
        attemptOf(key),
        attemptOf({ seq, ordinal: 1 }),
        attemptOf({ seq: 1, ordinal: 0 }),
      ];
      expect(await db.storage.record({ attempts })).toEqual(['lost', 'lost', 'lost']);
      expect(await deliveryAt(db.storage, seq)).toEqual(before);
      expect(await attemptsOf(db.storage, key)).toEqual([]);
    });

    it('loses a second outcome of one claim, and answers each attempt of a batch for itself', async () => {
      const one = await claimedDelivery();
      const two = await claimedDelivery();
      const canceled = await claimedDelivery();
      await db.storage.cancel({ delivery: canceled, nowMs: db.nowMs() });
      const attempts = [one, two, one, canceled, two, canceled].map(({ seq, ordinal }) =>
        attemptOf({ seq, ordinal }),
      );
      expect(await db.storage.record({ attempts })).toEqual([
        'recorded',
        'recorded',
        'lost',
        'canceled',
        'lost',
        'lost',
      ]);
      expect(await attemptsOf(db.storage, one)).toHaveLength(1);
      expect(await attemptsOf(db.storage, canceled)).toHaveLength(1);
    });

    it('loses what an incarnation before this one had claimed', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const seq = await publish(own.storage, tenantId, { toClaimed: ['d'] });
        const after = await own.crash();
        expect(await after.record({ attempts: [attemptOf({ seq, ordinal: 0 })] })).toEqual([
          'lost',
        ]);
        expect(await deliveryAt(after, seq)).toMatchObject({ status: 'pending', attempts: 0 });
      });
    });

    it.runIf(driver.can.leaveZombies)(
      'loses what a dead incarnation brings after another has claimed it',
      async () => {
        await withDatabase(driver, async (own) => {
          const zombie = own.storage;
          const tenantId = await seedTenant(zombie, 'd');
          const seq = await publish(zombie, tenantId, { toClaimed: ['d'] });
          const after = await own.crash();
          await claim(after, { tenantId, destinationId: 'd', dueBeforeMs: own.nowMs() + HOUR_MS });

          const attempts = [attemptOf({ seq, ordinal: 0 })];
          expect(await zombie.record({ attempts })).toEqual(['lost']);
          expect(await after.record({ attempts })).toEqual(['recorded']);
        });
      },
    );

    it('loses what retention has dropped', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const seq = await publish(own.storage, tenantId, { toClaimed: ['d'] });
        const key = { seq, ordinal: 0 };
        await own.storage.cancel({ delivery: key, nowMs: own.nowMs() });
        await pruneAll(own.storage, own.nowMs() + HOUR_MS);
        expect(await own.storage.record({ attempts: [attemptOf(key)] })).toEqual(['lost']);
        expect((await own.storage.attemptList(ALL_ATTEMPTS)).rows).toEqual([]);
      });
    });
  });
}
