/**
 * kill -9 in the middle of a publishing load: what was answered with 202 arrives. Budget: 15 s.
 *
 * `ANGARIUM_TEST_SEED` repeats the load and the moments of the crashes; what the processes make of them is never quite
 * the same.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { Load } from '../support/e2e-load.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import type { Receiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { SeededRandom } from '../support/simulated-random.ts';

const CRASHES = 10;

/** The destinations of each tenant, by what their receivers are like. */
const TENANTS: Readonly<Record<string, readonly string[]>> = {
  acme: ['prompt', 'slow', 'flaky'],
  zenith: ['prompt'],
};
const RETRY = { delays_s: Array.from({ length: 12 }, () => 0.3), jitter: 0 };

it('every event answered with 202 arrives, through ten kill -9', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['ANGARIUM_TEST_SEED'] ?? Date.now() % 1_000_000);
  console.log(`kill -9: seed ${seed}`);
  const random = new SeededRandom(seed);
  const cwd = temporaryFolder();
  const receiver = await startReceiver();
  const arrivals = countArrivals(receiver, random.fork());
  const load = new Load(Object.keys(TENANTS), random.fork());

  let server = await startServer({ cwd });
  for (const [tenant, kinds] of Object.entries(TENANTS)) {
    await server.api.tenant(tenant);
    for (const kind of kinds) {
      const url = receiver.url(`/${tenant}/${kind}`);
      await server.api.destination(tenant, { id: kind, url, policy: { retry: RETRY } });
    }
  }
  for (let crash = 0; crash < CRASHES; crash++) {
    const enough = load.acknowledged.size + random.int(20, 800);
    const publishers = load.run(server.api);
    await untilTrue(`${enough} events`, () => load.acknowledged.size >= enough);
    // Not always at the moment of an answer.
    await pause(random.between(0, 30));
    await server.kill9();
    await publishers;
    arrivals.nextRun();
    server = await startServer({ cwd });
  }

  const owed = [...load.acknowledged].flatMap(([id, tenant]) =>
    (TENANTS[tenant] ?? []).map((kind) => `/${tenant}/${kind} ${id}`),
  );
  const missing = () => owed.filter((key) => !arrivals.delivered.has(key));
  await untilTrue('all of it', () => missing().length === 0).catch(() => {
    expect(missing(), 'acknowledged, and never delivered').toEqual([]);
  });
  await untilTrue('no delivery to be pending', () => server.api.isIdle());

  const deliveries = await server.api.deliveries();
  expect(new Set(deliveries.map(({ status }) => status))).toEqual(new Set(['delivered']));
  // What it says it delivered is what came, events without an answer among them.
  const listed = deliveries.map(
    (each) => `/${each.tenant_id}/${each.destination_id} ${each.event_id}`,
  );
  expect(new Set(listed)).toEqual(arrivals.delivered);
  expect(listed).toHaveLength(arrivals.delivered.size);

  // Each attempt that is on record is billed once, whatever was being counted when the process died.
  const isCounted = async () => {
    const { attempts, usage } = await server.api.billed();
    return isDeepStrictEqual(attempts, usage);
  };
  await untilTrue('all attempts to be counted', isCounted).catch(() => {});
  const { attempts, usage } = await server.api.billed();
  expect(usage).toEqual(attempts);
  await server.stop();

  console.log(
    `kill -9: ${load.acknowledged.size} events acknowledged, ${load.unanswered} answers lost, ` +
      `${deliveries.length} deliveries; duplicates in each run: ${arrivals.duplicates.join(' ')}`,
  );
});

/** What was delivered (path and id), and how often that had been before, run by run. */
function countArrivals(receiver: Receiver, random: SeededRandom) {
  const delivered = new Set<string>();
  const refused = new Set<string>();
  const duplicates = [0];
  for (const [tenant, kinds] of Object.entries(TENANTS)) {
    for (const kind of kinds) {
      receiver.behave(`/${tenant}/${kind}`, async ({ path, id }) => {
        if (kind === 'slow') await pause(random.int(5, 40));
        if (kind !== 'flaky' || refused.has(`${path} ${id}`) || random.chance(0.8)) return 200;
        refused.add(`${path} ${id}`);
        return 503;
      });
    }
  }
  receiver.onAnswer(({ path, id }, status) => {
    if (status !== 200) return;
    const key = `${path} ${id}`;
    if (delivered.has(key)) duplicates.push((duplicates.pop() ?? 0) + 1);
    delivered.add(key);
  });
  return { delivered, duplicates, nextRun: () => duplicates.push(0) };
}
