/** What a destination's policy promises, in real time: its rate, and the order of its keys. Budget: 15 s. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';

const TIMEOUT_MS = 120_000;

it(
  'a rate is kept in every second by a real receiver’s clock, and used to 95 % while work waits',
  { timeout: TIMEOUT_MS },
  async () => {
    const perMinute = 1200;
    const measuredMs = 6000;
    // Of the formula in src/engine/rate.ts: the burst, and one for each interval that begins in a window.
    const burst = perMinute / 60;
    const intervalMs = 60_000 / (perMinute - burst);
    const stalls = monitorEventLoopDelay({ resolution: 5 });
    stalls.enable();
    const receiver = await startReceiver();
    const server = await startServer({ cwd: temporaryFolder() });
    const { api } = server;
    await api.tenant('acme');
    await api.destination('acme', {
      id: 'paced',
      url: receiver.url('/paced'),
      policy: { rate_per_minute: perMinute },
    });
    const events = Array.from({ length: 50 }, () => ({ tenant_id: 'acme', data: {} }));
    for (let batch = 0; batch < 4; batch++) await api.publishAll(events);
    const hits = await receiver.wait('/paced', (perMinute * measuredMs) / 60_000);
    const times = hits.map(({ atMs }) => atMs);
    const from = times[0] ?? NaN;
    // As many as in so long a time at 95 % of the rate, and so no later; how late a busy machine is says nothing.
    const spentMs = (times[119] ?? NaN) - from;
    const mostIn = (windowMs: number) =>
      Math.max(
        ...times.map(
          (time, index) => times.slice(index).filter((each) => each < time + windowMs).length,
        ),
      );
    // What was spaced comes closer together where either process, or what is between them, stalls.
    const squeezeMs = 250 + stalls.max / 1e6;
    expect(mostIn(1000)).toBeLessThanOrEqual(burst + (1000 + squeezeMs) / intervalMs + 1);
    expect(120 / (spentMs / 60_000)).toBeGreaterThanOrEqual(0.95 * perMinute);
    stalls.disable();
    await server.stop();
  },
);

it(
  'a key’s events come one after the other though the receiver fails at first, and other keys go on',
  { timeout: TIMEOUT_MS },
  async () => {
    const receiver = await startReceiver();
    let failures = 0;
    receiver.behave('/hook', ({ body }) =>
      body.includes('"key":"a"') && failures++ < 2 ? 503 : 200,
    );
    const server = await startServer({ cwd: temporaryFolder() });
    const { api } = server;
    await api.tenant('acme');
    await api.destination('acme', {
      id: 'hook',
      url: receiver.url('/hook'),
      policy: { order: 'key', retry: { delays_s: [0.3, 0.3], jitter: 0 } },
    });
    const keys = ['a', 'a', 'b', 'a', 'b', 'a', 'b', 'a'];
    await api.publishAll(
      keys.map((key, n) => ({ tenant_id: 'acme', order_key: key, data: { key, n } })),
    );
    const hits = await receiver.wait('/hook', keys.length + 2);
    const arrived = hits.map(({ body }) => numberOf(body));
    expect(arrived.filter((n) => keys[n] === 'a')).toEqual([0, 0, 0, 1, 3, 5, 7]);
    expect(arrived.filter((n) => keys[n] === 'b')).toEqual([2, 4, 6]);
    // The third attempt of the first came after all of the other key.
    expect(arrived.lastIndexOf(0)).toBeGreaterThan(arrived.lastIndexOf(6));
    await server.stop();
  },
);

function numberOf(body: string): number {
  const { data } = JSON.parse(body) as { data: { n: number } };
  return data.n;
}
