/** Those who are well wait no longer because others are not, or because somebody floods. On the injected clock. */
import { describe, expect, test } from 'vitest';

import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import type { Behaviour, Receiver } from '../support/simulated-receivers.ts';
import { Stage } from './stage.ts';

const OK = { kind: 'ok', latencyMs: 5 } as const;
const HANGS = { kind: 'hanging' } as const;
const FAILS = { kind: 'status', latencyMs: 5, status: 500 } as const;
const DESTINATIONS = 100;
const TROUBLED = 10;
const FLOOD = 10_000;
const ROUNDS = 40;
const BETWEEN_MS = 100;

interface Scene {
  readonly hanging: Behaviour;
  readonly failing: Behaviour;
  readonly flood: number;
}

/** The worst time from a commit to a receiver that is well, in milliseconds of the world. */
async function longestWaitMs({ hanging, failing, flood }: Scene): Promise<number> {
  const stage = new Stage();
  await stage.begin();
  const healthy: Receiver[] = [];
  for (let index = 0; index < DESTINATIONS; index++) {
    const isHanging = index < TROUBLED;
    const isFailing = !isHanging && index < 2 * TROUBLED;
    const receiver = await stage.destination({
      tenantId: `tenant-${index % 20}`,
      name: `r${index}`,
      behaviour: isHanging ? hanging : isFailing ? failing : OK,
      policy: { timeout_ms: 10_000, retry: { delays_s: [1, 2, 4], jitter: 0.1 } },
    });
    if (!isHanging && !isFailing) healthy.push(receiver);
  }
  await stage.destination({ tenantId: 'flood', name: 'flooded', behaviour: OK });
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 10 === 5) stage.publish('flood', (flood * 10) / ROUNDS);
    for (let tenant = 0; tenant < 20; tenant++) stage.publish(`tenant-${tenant}`);
    await stage.world.pass(BETWEEN_MS);
  }
  await stage.world.pass(2000);
  const { ledger } = stage.world;
  let longestMs = 0;
  let count = 0;
  for (const { destination, requests, insertedMs } of ledger.deliveries.values()) {
    if (!healthy.some(({ name }) => name === destination.receiverName)) continue;
    count++;
    longestMs = Math.max(longestMs, (requests[0]?.startedMs ?? Infinity) - insertedMs);
  }
  expect(count).toBe(ROUNDS * healthy.length);
  expect(stage.world.findings.violations).toEqual([]);
  await stage.world.close();
  return longestMs;
}

describe('of a hundred destinations, those that are well', () => {
  test(
    'get everything as soon beside ten that hang, ten that fail and a tenant that floods',
    { timeout: 120_000 },
    async () => {
      const alone = await longestWaitMs({ hanging: OK, failing: OK, flood: 0 });
      const beside = await longestWaitMs({ hanging: HANGS, failing: FAILS, flood: FLOOD });
      expect(beside).toBeLessThanOrEqual(1.2 * alone + 2);
    },
  );
});

/** What may be wrong with a destination beside others. */
const TROUBLES: readonly Pick<Destination, 'behaviour' | 'policy'>[] = [
  { behaviour: HANGS },
  { behaviour: FAILS },
  { behaviour: { kind: 'refusing', latencyMs: 2 } },
  { behaviour: { kind: 'flapping', latencyMs: 400, failures: 0.5 } },
  { behaviour: { kind: 'status', latencyMs: 5, status: 429, retryAfterMs: 3000 } },
  { behaviour: OK, policy: { rate_per_minute: 30 } },
  { behaviour: HANGS, policy: { order: 'key', order_on_failure: 'hold' } },
  { behaviour: HANGS, policy: { concurrency: 1, while_disabled: 'hold' } },
  { behaviour: FAILS, policy: { disable: { consecutive_failures: 5 } } },
];

interface Destination {
  readonly tenantId: string;
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly policy?: DestinationPolicy;
}

interface Mix {
  readonly destinations: readonly Destination[];
  /** Rounds in which the tenant `flood` publishes so many. */
  readonly floods: ReadonlyMap<number, number>;
  readonly maxInFlight: number;
  readonly maxInMemory: number;
}

const MIXED_ROUNDS = 60;

/** Half of them in some trouble, in the same tenants as the others; few places for all. */
function mixOf(random: SeededRandom): Mix {
  const destinations = Array.from({ length: 50 }, (_, index): Destination => {
    const place = { tenantId: `tenant-${random.int(1, 10)}`, name: `r${index}` };
    return index % 2 === 0 ? { ...place, behaviour: OK } : { ...place, ...random.pick(TROUBLES) };
  });
  const flooded = { tenantId: 'flood', name: 'flooded', behaviour: { kind: 'ok', latencyMs: 50 } };
  const floods = Array.from({ length: 3 }, (): [number, number] => [
    random.int(0, MIXED_ROUNDS - 1),
    random.int(500, 2000),
  ]);
  return {
    destinations: [...destinations, flooded as Destination],
    floods: new Map(floods),
    maxInFlight: random.int(500, 1000),
    maxInMemory: random.int(5000, 10_000),
  };
}

/** From its commit to the receiver, of each that is well: the longest that a first attempt waited. */
async function longestWaits(mix: Mix): Promise<Map<string, number>> {
  const stage = new Stage(mix);
  await stage.begin();
  const well = new Set<string>();
  for (const { policy, ...destination } of mix.destinations) {
    const retry = { delays_s: [1, 2, 4], jitter: 0.1 };
    await stage.destination({
      ...destination,
      policy: { timeout_ms: 5000, retry, ...policy },
    });
    if (destination.behaviour === OK && policy === undefined) well.add(destination.name);
  }
  const tenants = new Set(mix.destinations.map(({ tenantId }) => tenantId));
  tenants.delete('flood');
  for (let round = 0; round < MIXED_ROUNDS; round++) {
    stage.publish('flood', mix.floods.get(round) ?? 1);
    for (const tenantId of tenants) stage.publish(tenantId, 1, null, { key: `k${round % 3}` });
    await stage.world.pass(100);
  }
  await stage.world.pass(1000);
  const longest = new Map<string, number>();
  for (const { destination, requests, insertedMs } of stage.world.ledger.deliveries.values()) {
    const { receiverName } = destination;
    if (!well.has(receiverName)) continue;
    const waitedMs = (requests[0]?.startedMs ?? Infinity) - insertedMs;
    longest.set(receiverName, Math.max(longest.get(receiverName) ?? 0, waitedMs));
  }
  expect(stage.world.findings.violations).toEqual([]);
  await stage.world.close();
  return longest;
}

describe('of destinations of which half are in some trouble', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'those that are well wait for none of the others (seed %i)',
    { timeout: 120_000 },
    async (seed) => {
      const mix = mixOf(new SeededRandom(seed));
      const calm: Mix = {
        ...mix,
        destinations: mix.destinations.map(({ tenantId, name }) => ({
          tenantId,
          name,
          behaviour: OK,
        })),
        floods: new Map(),
      };
      const alone = Math.max(...(await longestWaits(calm)).values());
      const beside = await longestWaits(mix);
      expect(beside.size).toBe(25);
      for (const [name, waitedMs] of beside)
        expect(waitedMs, name).toBeLessThanOrEqual(1.2 * alone + 2);
    },
  );
});

test('a retry has its turn while first attempts never end', async () => {
  const stage = new Stage();
  await stage.begin();
  const receiver = await stage.destination({
    tenantId: 't',
    name: 'r',
    behaviour: FAILS,
    policy: { concurrency: 1, retry: { delays_s: [1], jitter: 0 } },
  });
  stage.publish('t', 5);
  await stage.world.pass(100);
  stage.world.behave('r', OK);
  // Two for each that the receiver can take.
  for (let round = 0; round < 100; round++) {
    stage.publish('t', 20);
    await stage.world.pass(50);
  }
  for (let n = 1; n <= 5; n++) {
    const [, retry] = stage.delivery(receiver, n).requests;
    // Due after a second; what had come until then and some of the rest went before.
    expect(retry?.startedMs).toBeLessThan(3500);
  }
  expect(receiver.requests.length).toBeGreaterThan(900);
  expect(stage.world.ledger.pendingCount).toBeGreaterThan(500);
  expect(await stage.end()).toEqual([]);
});

test('a publish is committed with the next few groups, however much another tenant has put in before', async () => {
  const stage = new Stage();
  await stage.begin();
  await stage.destination({ tenantId: 'flood', name: 'flooded', behaviour: OK });
  const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: OK });
  stage.publish('flood', 10_000);
  stage.publish('t');
  await stage.world.pass(5000);
  const { event } = stage.delivery(receiver);
  const before = [...stage.world.ledger.deliveries.values()].filter(
    (other) => other.event.seq < event.seq,
  );
  // Two groups of 500 may be under way already.
  expect(before.length).toBeLessThanOrEqual(1001);
  expect(before.length).toBeGreaterThan(0);
  expect(await stage.end()).toEqual([]);
});
