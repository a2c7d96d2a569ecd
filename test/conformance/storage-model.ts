/** The life of deliveries, whatever happens to them in whatever order, beside a model of it that fits on two pages. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SCHEDULE_OVER } from '../../src/domain/delivery.ts';
import type { AskedBy, DeliveryStatus } from '../../src/domain/delivery.ts';
import { ingestedAtMs } from '../../src/domain/event.ts';
import type { DeliveryKey } from '../../src/storage/reading.ts';
import type { RecordOutcome, Verdict } from '../../src/storage/storage.ts';
import {
  ALL_DELIVERIES,
  HOUR_MS,
  attemptOf,
  attemptsOf,
  claim,
  deliveryAt,
  failureOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { withDatabase } from './storage-driver.ts';
import type { StorageDriver, StorageUnderTest } from './storage-driver.ts';

type Step =
  | { readonly kind: 'publish'; readonly claimed: readonly boolean[] }
  | {
      readonly kind: 'claim';
      readonly lane: number;
      readonly limit: number;
      readonly retryPlaces: number;
      readonly due: number;
    }
  | { readonly kind: 'record'; readonly which: number; readonly verdict: Verdict }
  | { readonly kind: 'retry'; readonly which: number; readonly lane: number }
  | { readonly kind: 'cancel' | 'release'; readonly which: number }
  | { readonly kind: 'crash' };

const LANES = ['a', 'b'] as const;
const FAR_MS = 9_000_000_000_000;

const which = fc.nat(9);
const lane = fc.nat(LANES.length - 1);
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constant<Verdict>({ status: 'delivered' }),
  fc.constant<Verdict>({ status: 'failed' }),
  fc.nat(4).map((nextAttemptAtMs): Verdict => ({ status: 'pending', nextAttemptAtMs })),
);
const kind = <K extends Step['kind']>(value: K) => fc.constant(value);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('publish'),
      claimed: fc.array(fc.boolean(), { maxLength: 2 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('claim'),
      lane,
      limit: fc.integer({ min: 1, max: 3 }),
      retryPlaces: fc.nat(3),
      due: fc.constantFrom(0, 2, FAR_MS),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: kind('record'), which, verdict }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('retry'), which, lane }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('cancel' as const, 'release' as const), which }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('crash') }) },
);

export function describeModel(driver: StorageDriver): void {
  describe('deliveries', () => {
    it('do what the model does', async () => {
      await withDatabase(driver, async (db) => {
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
            const model = new Model(db, await seedTenant(db.storage, ...LANES));
            for (const each of steps) await model.run(each);
            await model.compareAttempts();
          }),
          { numRuns: driver.can.restartCheaply ? 60 : 10 },
        );
      });
    });
  });
}

interface Modelled {
  readonly key: DeliveryKey;
  readonly destinationId: string;
  status: DeliveryStatus;
  claimedBy: 'nobody' | 'live' | 'dead';
  attempts: number;
  step: number;
  askedBy: AskedBy;
  dueAtMs: number | null;
}

/** What was due at once when it came into being, or was asked for by `nowMs`, is due whatever time is asked about. */
function dueAt({ key, attempts, askedBy, dueAtMs }: Modelled, askedMs: number, nowMs: number) {
  if (dueAtMs === null) return Infinity;
  const isAtOnce =
    askedBy === 'schedule' ? attempts === 0 && dueAtMs === ingestedAtMs(key.seq) : dueAtMs <= nowMs;
  return isAtOnce ? Math.min(dueAtMs, askedMs) : dueAtMs;
}

class Model {
  readonly #db: StorageUnderTest;
  readonly #tenantId: string;
  readonly #deliveries: Modelled[] = [];

  constructor(db: StorageUnderTest, tenantId: string) {
    this.#db = db;
    this.#tenantId = tenantId;
  }

  async run(what: Step): Promise<void> {
    switch (what.kind) {
      case 'publish':
        await this.#publish(what.claimed);
        break;
      case 'claim':
        await this.#claim(LANES[what.lane] ?? 'a', what);
        break;
      case 'crash':
        await this.#db.crash();
        for (const each of this.#deliveries) if (each.claimedBy === 'live') each.claimedBy = 'dead';
        break;
      case 'record':
      case 'retry':
      case 'cancel':
      case 'release': {
        const delivery = this.#deliveries[what.which % Math.max(1, this.#deliveries.length)];
        if (delivery === undefined) return;
        if (what.kind === 'record') await this.#record(delivery, what.verdict);
        else if (what.kind === 'retry') await this.#retry(delivery, LANES[what.lane] ?? 'a');
        else if (what.kind === 'cancel') await this.#cancel(delivery);
        else await this.#release(delivery);
      }
    }
    await this.#compare();
  }

  async #publish(claimed: readonly boolean[]): Promise<void> {
    const destinations = claimed.map((isClaimed, index) => ({
      id: LANES[index] ?? 'a',
      claimed: isClaimed,
    }));
    const seq = await publish(this.#db.storage, this.#tenantId, { destinations });
    for (const [ordinal, { id }] of destinations.entries())
      await this.#add({ seq, ordinal }, id, claimed[ordinal] === true ? 'live' : 'nobody');
  }

  async #add(key: DeliveryKey, destinationId: string, claimedBy: 'live' | 'nobody'): Promise<void> {
    const { nextAttemptAtMs: dueAtMs } = await deliveryAt(this.#db.storage, key.seq, key.ordinal);
    const fresh = { status: 'pending', attempts: 0, step: 0, askedBy: 'schedule' } as const;
    this.#deliveries.push({ ...fresh, key, destinationId, claimedBy, dueAtMs });
    this.#deliveries.sort((a, b) => a.key.seq - b.key.seq || a.key.ordinal - b.key.ordinal);
  }

  async #claim(
    destinationId: string,
    { limit, retryPlaces, due: dueBeforeMs }: Step & { readonly kind: 'claim' },
  ): Promise<void> {
    const nowMs = this.#db.nowMs();
    const waiting = this.#deliveries
      .filter((each) => each.destinationId === destinationId && each.status === 'pending')
      .filter((each) => each.claimedBy !== 'live')
      .toSorted((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0));
    const due = waiting.filter((each) => dueAt(each, dueBeforeMs, nowMs) <= dueBeforeMs);
    // No replay is among them.
    const isRetry = ({ attempts }: Modelled) => attempts > 0;
    const [retries, first] = [due.filter(isRetry), due.filter((each) => !isRetry(each))];
    const places = Math.max(Math.min(retryPlaces, limit), limit - first.length);
    const ofRetries = retries.slice(0, places);
    const room = new Set([...ofRetries, ...first.slice(0, limit - ofRetries.length)]);
    const expected = due.filter((each) => room.has(each));
    const left = waiting.filter((each) => !expected.includes(each));
    const nextDueAtMs = Math.min(...left.map((each) => dueAt(each, dueBeforeMs, nowMs)));

    const query = { tenantId: this.#tenantId, destinationId, limit, retryPlaces, dueBeforeMs };
    const found = await claim(this.#db.storage, query);
    const shown = found.deliveries.map((each) => [
      each.key,
      each.attempts,
      each.step,
      each.askedBy,
    ]);
    expect(shown).toEqual(
      expected.map((each) => [each.key, each.attempts, each.step, each.askedBy]),
    );
    expect(found.nextDueAtMs).toBe(left.length === 0 ? null : nextDueAtMs);
    for (const each of expected) each.claimedBy = 'live';
  }

  async #record(delivery: Modelled, outcome: Verdict): Promise<void> {
    const number = delivery.attempts + 1;
    const stepAfter = delivery.step + 1;
    const attempt =
      outcome.status === 'delivered'
        ? attemptOf(delivery.key, { number, step: stepAfter })
        : failureOf(delivery.key, outcome, { number, step: stepAfter });
    const [answer] = await this.#db.storage.record({ attempts: [attempt] });
    expect(answer).toBe(this.#expectedRecord(delivery));
    if (answer === 'lost') return;
    delivery.claimedBy = 'nobody';
    delivery.attempts = number;
    if (answer === 'canceled') return;
    delivery.status = outcome.status;
    delivery.step = stepAfter;
    delivery.askedBy = 'schedule';
    delivery.dueAtMs = outcome.status === 'pending' ? outcome.nextAttemptAtMs : null;
  }

  #expectedRecord({ claimedBy, status }: Modelled): RecordOutcome {
    if (claimedBy !== 'live') return 'lost';
    return status === 'pending' ? 'recorded' : 'canceled';
  }

  async #retry({ key }: Modelled, destinationId: string): Promise<void> {
    const delivery = this.#deliveries.find(
      (each) => each.key.seq === key.seq && each.destinationId === destinationId,
    );
    // What a retry does to a delivery canceled in mid-attempt is left to the driver.
    if (delivery?.claimedBy === 'live' && delivery.status === 'canceled') return;
    const nowMs = this.#db.nowMs() + HOUR_MS;
    const query = { tenantId: this.#tenantId, eventSeq: key.seq, destinationId, nowMs };
    const answer = await this.#db.storage.retryByHand(query);
    if (delivery === undefined) {
      expect(answer).toBe('due');
      const ordinal = this.#deliveries.filter((each) => each.key.seq === key.seq).length;
      await this.#add({ seq: key.seq, ordinal }, destinationId, 'nobody');
      const added = this.#deliveries.find(
        (each) => each.key.seq === key.seq && each.key.ordinal === ordinal,
      );
      if (added !== undefined) Object.assign(added, { step: SCHEDULE_OVER, askedBy: 'hand' });
      return;
    }
    expect(answer).toBe(delivery.claimedBy === 'live' ? 'in_attempt' : 'due');
    if (answer === 'in_attempt') return;
    if (delivery.status !== 'pending') delivery.step = SCHEDULE_OVER;
    Object.assign(delivery, {
      status: 'pending',
      askedBy: 'hand',
      claimedBy: 'nobody',
      dueAtMs: nowMs,
    });
  }

  async #cancel(delivery: Modelled): Promise<void> {
    const query = { delivery: delivery.key, nowMs: this.#db.nowMs() };
    const answer = await this.#db.storage.cancel(query);
    if (delivery.status === 'pending') {
      expect(answer).toBe(delivery.claimedBy === 'live' ? 'in_attempt' : 'canceled');
      delivery.status = 'canceled';
      delivery.dueAtMs = null;
    } else expect(answer).toBe('final');
  }

  async #release(delivery: Modelled): Promise<void> {
    await this.#db.storage.release({ deliveries: [delivery.key] });
    if (delivery.claimedBy !== 'live') return;
    delivery.claimedBy = 'nobody';
    // One that was canceled stays so, and is let go.
    if (delivery.status !== 'pending') return;
    const { seq, ordinal } = delivery.key;
    delivery.dueAtMs = (await deliveryAt(this.#db.storage, seq, ordinal)).nextAttemptAtMs;
    expect(delivery.dueAtMs).toBeLessThanOrEqual(this.#db.nowMs());
    // A number is taken: none of what was given up is later than that.
    await publish(this.#db.storage, this.#tenantId, { to: [] });
  }

  async #compare(): Promise<void> {
    const tenantIds = [this.#tenantId];
    const { rows } = await this.#db.storage.deliveryList({ ...ALL_DELIVERIES, tenantIds });
    expect(
      rows.map(({ key, destinationId, status, claimed, attempts, nextAttemptAtMs }) => {
        return { key, destinationId, status, claimed, attempts, dueAtMs: nextAttemptAtMs };
      }),
    ).toEqual(
      this.#deliveries.map(({ key, destinationId, status, claimedBy, attempts, dueAtMs }) => {
        const claimed = claimedBy === 'live' && status === 'pending';
        return { key, destinationId, status, claimed, attempts, dueAtMs };
      }),
    );
  }

  async compareAttempts(): Promise<void> {
    for (const { key, attempts } of this.#deliveries) {
      const numbers = (await attemptsOf(this.#db.storage, key)).map(({ number }) => number);
      expect(numbers).toEqual(Array.from({ length: attempts }, (_, index) => index + 1));
    }
  }
}
