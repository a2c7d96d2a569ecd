/** How destinations fare and end, and the outbox of mails. */
import { describe, expect, it } from 'vitest';

import { ingestedAtMs } from '../../src/domain/event.ts';
import { NEW_HEALTH } from '../../src/domain/health.ts';
import type { Verdict } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  attemptOf,
  insertDestination,
  newTenantId,
  publish,
  deliveryAt,
  pruneAll,
  seedTenant,
  switchDestination,
} from '../support/storage-fixtures.ts';
import { withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

const CREATED_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

export function describeEnding(driver: StorageDriver): void {
  describe('health', () => {
    it('is kept of the destination that is meant, until it is deleted or enabled', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage, 'a', 'b', 'c');
        const health = { ...NEW_HEALTH, consecutiveFailures: 3 };
        const entry = (destinationId: string, createdAtMs = CREATED_MS) => ({
          tenantId,
          destinationId,
          createdAtMs,
          health,
        });
        await storage.healthPut({
          entries: [entry('a'), entry('b'), entry('c', 1), entry('no such')],
        });
        const ids = async () =>
          (await storage.healthPage({ after: 0, limit: 10 })).map((each) => each.destinationId);
        const [first] = await storage.healthPage({ after: 0, limit: 1 });
        expect(first).toEqual({ ...entry('a'), position: expect.any(Number) as number });
        expect((await storage.healthPage({ after: first?.position ?? 0, limit: 10 })).length).toBe(
          1,
        );
        const off = { disabledAtMs: 1, cancelPending: false };
        await switchDestination(storage, tenantId, 'a', off);
        expect(await ids()).toEqual(['a', 'b']);
        await switchDestination(storage, tenantId, 'a', { ...off, disabledAtMs: null });
        await storage.destinationDelete({ tenantId, id: 'b' });
        expect(await ids()).toEqual([]);
      }));
  });

  describe('what was told', () => {
    it('goes up to a moment; deliveries that failed for good since then are found, page by page', () =>
      withDatabase(driver, async ({ storage }) => {
        expect(await storage.untoldFailures({ after: null, limit: 10 })).toEqual({
          toldUpToMs: null,
          failures: [],
        });
        const tenantId = await seedTenant(storage, 'a');
        const failed = async (verdict: Verdict, reason: 'timeout' | null = 'timeout') => {
          const seq = await publish(storage, tenantId, { toClaimed: ['a'] });
          const attempt = attemptOf({ seq, ordinal: 0 }, { verdict, step: 1 });
          const response = reason === null ? attempt.response : null;
          await storage.record({ attempts: [{ ...attempt, reason, response }] });
          return seq;
        };
        const first = await failed({ status: 'failed' });
        await failed({ status: 'delivered' }, null);
        await failed({ status: 'pending', nextAttemptAtMs: 2_000_000_000_000 });
        const retried = await failed({ status: 'failed' });
        await storage.retryByHand({ tenantId, eventSeq: retried, destinationId: 'a', nowMs: 1 });
        const second = await failed({ status: 'failed' });
        const [attempt] = (await storage.attemptList(ALL_ATTEMPTS)).rows;
        const recordedMs = ingestedAtMs(attempt?.seq ?? NaN);
        await storage.healthPut({ entries: [], toldUpToMs: recordedMs + DAY_MS });
        const none = await storage.untoldFailures({ after: null, limit: 10 });
        expect(none).toEqual({ toldUpToMs: recordedMs + DAY_MS, failures: [] });
        const toldUpToMs = recordedMs - 1;
        await storage.healthPut({ entries: [], toldUpToMs });
        const page = await storage.untoldFailures({ after: null, limit: 1 });
        const { position = NaN } = page.failures[0] ?? {};
        const next = await storage.untoldFailures({ after: position, limit: 10 });
        expect(page.toldUpToMs).toBe(toldUpToMs);
        const found = [...page.failures, ...next.failures];
        expect(found.map(({ delivery }) => delivery.seq)).toEqual([first, second]);
        expect(found[0]).toMatchObject({
          tenantId,
          destinationId: 'a',
          createdAtMs: CREATED_MS,
          attempts: 1,
          kind: 'first',
          step: 1,
          reason: 'timeout',
          status: null,
          code: 'timeout',
          eligibleForRetry: true,
        });
      }));
  });

  describe('destinations that end', () => {
    it('are told of 7 days and 1 day before, and when their time is over', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const expiresAtMs = 100 * DAY_MS;
        await insertDestination(storage, tenantId, 'a', { expiresAtMs });
        await insertDestination(storage, tenantId, 'off', {
          expiresAtMs,
          disabledAtMs: 1,
          disabledReason: 'by_hand',
        });
        const at = async (day: number) =>
          (await storage.destinationsEnding({ nowMs: day * DAY_MS, limit: 10 })).ending;
        const found = [{ tenantId, id: 'a', expiresAtMs }];
        expect(await at(92)).toEqual([]);
        expect(await at(93)).toEqual(found);
        await storage.expiryWarned({ tenantId, id: 'a', expiresAtMs, days: 7 });
        expect(await at(98)).toEqual([]);
        expect(await at(99)).toEqual(found);
        await storage.expiryWarned({ tenantId, id: 'a', expiresAtMs, days: 1 });
        expect(await at(99)).toEqual([]);
        expect(await at(100)).toEqual(found);
        const { nextAtMs } = await storage.destinationsEnding({ nowMs: 0, limit: 1 });
        expect(nextAtMs).toBe(expiresAtMs);
        const stored = await storage.destinationGet({ tenantId, id: 'a' });
        if (stored === null) throw new Error('it is not there');
        await storage.destinationUpdate({
          destination: { ...stored, expiresAtMs: expiresAtMs + DAY_MS, revision: 2 },
          ifRevision: 1,
          cancelPending: false,
        });
        expect(await at(99)).toEqual([{ tenantId, id: 'a', expiresAtMs: expiresAtMs + DAY_MS }]);
      }));

    it('hold what they are owed until retention ends', () =>
      withDatabase(driver, async (db) => {
        const { storage } = db;
        const tenantId = await seedTenant(storage, 'a', 'b');
        await switchDestination(storage, tenantId, 'a', { disabledAtMs: 1, cancelPending: false });
        const seq = await publish(storage, tenantId, { to: ['a', 'b'] });
        await db.tick();
        await pruneAll(storage, db.nowMs());
        expect((await deliveryAt(storage, seq, 0)).status).toBe('canceled');
        expect((await deliveryAt(storage, seq, 1)).status).toBe('pending');
      }));
  });

  describe('the outbox of mails', () => {
    it('gathers, keeps apart by an hour, and forgets who refused', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = newTenantId();
        const add = (id: string, nowMs: number, recipients = ['a@x', 'b@x']) =>
          storage.mailAdd({
            tenantId,
            destinationId: 'd',
            reason: 'r',
            recipients,
            item: { id, atMs: nowMs, data: { n: id } },
            nowMs,
            gapMs: 1000,
          });
        const due = async (nowMs: number) =>
          (await storage.mailsDue({ nowMs, limit: 10 })).map(
            ({ recipient, count, items }) =>
              `${recipient} ${count} ${items.map(({ id }) => id).join()}`,
          );
        await add('1', 10);
        await add('2', 20);
        await add('2', 20);
        expect(await due(9)).toEqual([]);
        expect(await due(20)).toEqual(['a@x 2 1,2', 'b@x 2 1,2']);
        const [mail] = await storage.mailsDue({ nowMs: 20, limit: 1 });
        const no = mail?.no ?? 0;
        await add('3', 25, ['a@x']);
        const sent = { kind: 'sent', count: 2, items: 2, gapMs: 1000 } as const;
        await storage.mailSettled({ no, result: sent, nowMs: 30 });
        expect(await due(1029)).toEqual(['b@x 2 1,2']);
        expect(await due(1030)).toEqual(['b@x 2 1,2', 'a@x 1 3']);
        await storage.mailSettled({ no, result: { kind: 'retry', atMs: 5000 }, nowMs: 1030 });
        expect(await due(1030)).toEqual(['b@x 2 1,2']);
        await storage.mailSettled({ no, result: { kind: 'given_up' }, nowMs: 1030 });
        await storage.mailRefuse({ tenantId, recipient: 'b@x' });
        await add('4', 2000);
        expect(await due(10_000)).toEqual(['a@x 1 4']);
      }));
  });
}
