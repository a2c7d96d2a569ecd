/** Rates over whole minutes, in real time, by a real receiver's clock. Budget: 140 s, nearly all of it waiting. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';

const RATES = [60, 600, 3000];
const MINUTE_MS = 60_000;
const MEASURED_MS = 2 * MINUTE_MS;
const BATCH = 500;

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
    for (const perMinute of RATES) {
      const id = `at-${perMinute}`;
      const policy = { rate_per_minute: perMinute };
      await api.destination('acme', { id, url: receiver.url(`/${id}`), policy });
      // More than it may have in that time.
      const count = (perMinute * MEASURED_MS * 1.25) / MINUTE_MS;
      const event = { tenant_id: 'acme', destination_id: id, data: {} };
      for (let left = count; left > 0; left -= BATCH)
        await api.publishAll(Array.from({ length: Math.min(left, BATCH) }, () => event));
    }
    await sleep(MEASURED_MS);
    stalls.disable();

    for (const perMinute of RATES) {
      const times = receiver.hits(`/at-${perMinute}`).map(({ atMs }) => atMs);
      const last = times.at(-1) ?? 0;
      const windows = times
        .filter((time) => time + MINUTE_MS <= last)
        .map((time) => countIn(times, time, time + MINUTE_MS));
      expect(windows.length).toBeGreaterThan(perMinute / 2);
      // What was spaced comes closer together where the machine stalls: as much as would have come meanwhile.
      const squeezeMs = 250 + stalls.max / 1e6;
      const most = Math.max(...windows);
      expect(most, `of ${perMinute} a minute`).toBeLessThanOrEqual(
        perMinute + Math.ceil((perMinute * squeezeMs) / MINUTE_MS),
      );
      expect(most, `of ${perMinute} a minute`).toBeGreaterThanOrEqual(0.95 * perMinute);
    }
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
