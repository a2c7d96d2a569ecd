/** One destination, or one publisher, takes nothing from the others. Budget: 10 s. */
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import { until, untilTrue } from '../support/e2e-until.ts';

const TIMEOUT_MS = 120_000;

it(
  'nine destinations get everything while the tenth hangs in its first attempts',
  { timeout: TIMEOUT_MS },
  async () => {
    const events = 300;
    const healthy = Array.from({ length: 9 }, (_, index) => `healthy-${index}`);
    const receiver = await startReceiver();
    receiver.behave('/hangs', () => null);
    const server = await startServer({
      cwd: temporaryFolder(),
      env: { ANGARIUM_SHUTDOWN_GRACE_S: '0' },
    });
    const { api } = server;
    await api.tenant('acme');
    // The oldest: where somebody has to wait, it is served first.
    await api.destination('acme', {
      id: 'hangs',
      url: receiver.url('/hangs'),
      policy: { timeout_ms: 120_000 },
    });
    for (const id of healthy) await api.destination('acme', { id, url: receiver.url(`/${id}`) });

    const ids: string[] = [];
    for (let published = 0; published < events; published += 50) {
      ids.push(
        ...(await api.publishAll(
          Array.from({ length: 50 }, () => ({ tenant_id: 'acme', data: { text: 'hello' } })),
        )),
      );
    }
    for (const id of healthy) {
      const hits = await receiver.wait(`/${id}`, events);
      expect(hits.map((hit) => hit.id).toSorted()).toEqual(ids.toSorted());
    }
    await untilTrue('their deliveries to be recorded', async () => {
      return (await api.deliveries('status=delivered')).length === healthy.length * events;
    });
    // All that time it was in its first attempts, and had not had them all.
    const hanging = await api.deliveries('destination_id=hangs');
    expect(hanging).toHaveLength(events);
    for (const delivery of hanging)
      expect(delivery).toMatchObject({ attempts: 0, last_code: null });
    const attempted = receiver.hits('/hangs').length;
    expect(attempted).toBeGreaterThan(0);
    expect(attempted).toBeLessThan(events);
    await server.stop();
  },
);

it('retries come due while publishers repeat their event', { timeout: TIMEOUT_MS }, async () => {
  const destinations = 20;
  const receiver = await startReceiver();
  receiver.behave('/hook', () => (receiver.hits('/hook').length <= destinations ? 503 : 200));
  const server = await startServer({ cwd: temporaryFolder() });
  const { api } = server;
  await api.tenant('acme');
  for (let number = 1; number <= destinations; number++) {
    await api.destination('acme', {
      id: `hook-${number}`,
      url: receiver.url('/hook'),
      // All failures are to be seen before the first retry, also on a machine with other work.
      policy: { retry: { delays_s: [3 + number / 100], jitter: 0 } },
    });
  }
  const event = { id: 'order-1', tenant_id: 'acme', data: {} };
  await api.publish(event);
  const dueMs = await until('all failures to be recorded', async () => {
    const deliveries = await api.deliveries();
    if (deliveries.some(({ attempts }) => attempts === 0)) return undefined;
    return Math.max(...deliveries.map((each) => Date.parse(each.next_attempt_at ?? '')));
  });

  // Each repetition is promised places in memory that it gives back at its commit: the retries need them too.
  const events = Array.from({ length: 100 }, () => event);
  let repeated = 0;
  const repeatUntilDue = async () => {
    while (Date.now() < dueMs + 50) {
      expect((await api.batch(events))[0]).toMatchObject({ id: 'order-1', duplicate: true });
      repeated++;
    }
  };
  await Promise.all(Array.from({ length: 4 }, repeatUntilDue));
  expect(repeated).toBeGreaterThan(4);

  await receiver.wait('/hook', 2 * destinations);
  await untilTrue('all to be delivered', async () => {
    return (await api.deliveries('status=delivered')).length === destinations;
  });
  expect(receiver.hits('/hook')).toHaveLength(2 * destinations);
  await server.stop();
});
