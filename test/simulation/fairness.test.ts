/** Those who are well wait no longer because others are not, or because somebody floods. On the injected clock. */
import { describe, expect, test } from 'vitest';

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
