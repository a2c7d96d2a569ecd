/** Rates over whole minutes, in real time, by a real receiver's clock. Budget: 140 s, nearly all of it waiting. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';

/** Answers a tenth of what it gets with 503: what is tried again counts, too. */
const FLAKY = { id: 'flaky', perMinute: 600 };
const PACED = [
  FLAKY,
  ...[1, 60, 600, 3000, 6000].map((perMinute) => ({ id: `at-${perMinute}`, perMinute })),
];
const MINUTE_MS = 60_000;
const MEASURED_MS = 2 * MINUTE_MS;
const BATCH = 500;
/**
 * A machine that stalls brings together what was spaced, and loses what it did not do meanwhile. So short a stall is
 * within the hundredth by which the spacing is longer than the rate asks for (src/engine/rate.ts).
 */
const BORNE_STALL_MS = 300;

it(
  'are kept in every window of a minute, and used to 95 % while work waits',
  { timeout: 300_000 },
  async () => {
    const stalls = monitorEventLoopDelay({ resolution: 5 });
    stalls.enable();
    const receiver = await startReceiver();
    const server = await startServer({ cwd: temporaryFolder() });
    const { api } = server;
    await api.tenant('acme');
    let answered = 0;
    receiver.behave(`/${FLAKY.id}`, () => (++answered % 10 === 0 ? 503 : 200));
    for (const { id, perMinute } of PACED) {
      const policy = { rate_per_minute: perMinute, retry: { delays_s: [1, 2, 4], jitter: 0 } };
      await api.destination('acme', { id, url: receiver.url(`/${id}`), policy });
      // More than it may have in that time.
      const count = Math.ceil((perMinute * MEASURED_MS * 1.25) / MINUTE_MS);
      const event = { tenant_id: 'acme', destination_id: id, data: {} };
      for (let left = count; left > 0; left -= BATCH)
        await api.publishAll(Array.from({ length: Math.min(left, BATCH) }, () => event));
    }
    await sleep(MEASURED_MS);
    stalls.disable();

    const longestMs = stalls.max / 1e6;
    const isQuiet = longestMs < BORNE_STALL_MS;
    const squeezeMs = isQuiet ? 0 : 250 + longestMs;
    for (const { id, perMinute } of PACED) {
      const times = receiver.hits(`/${id}`).map(({ atMs }) => atMs);
      const last = times.at(-1) ?? 0;
      const windows = times
        .filter((time) => time + MINUTE_MS <= last)
        .map((time) => countIn(times, time, time + MINUTE_MS));
      expect(windows.length, id).toBeGreaterThan(perMinute / 2);
      const [least, most] = [Math.min(...windows), Math.max(...windows)];
      expect(most, `the most of ${id}`).toBeLessThanOrEqual(
        perMinute + Math.ceil((perMinute * squeezeMs) / MINUTE_MS),
      );
      // Each minute, or one at least where the machine was busy with something else.
      expect(isQuiet ? least : most, `the least of ${id}`).toBeGreaterThanOrEqual(0.95 * perMinute);
    }
    const came = receiver.hits(`/${FLAKY.id}`).map((hit) => hit.id);
    expect(came.length - new Set(came).size, 'retries').toBeGreaterThan(20);
    await server.stop();
  },
);

/** `times` ascend. */
function countIn(times: readonly number[], from: number, to: number): number {
  return firstFrom(times, to) - firstFrom(times, from);
}

function firstFrom(times: readonly number[], from: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
