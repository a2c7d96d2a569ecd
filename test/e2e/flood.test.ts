/** A publisher that repeats itself without end holds up no retry. Budget: 3 s. */
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import { until } from '../support/e2e-until.ts';

const DESTINATIONS = 20;
const PUBLISHERS = 4;
const BATCH = 100;

it('retries come due while publishers repeat their event', { timeout: 60_000 }, async () => {
  const receiver = await startReceiver();
  const server = await startServer({ cwd: temporaryFolder() });
  const { api } = server;
  await api.tenant('acme');
  receiver.behave('/hook', () =>
    receiver.hits('/hook').length <= DESTINATIONS ? 503 : 200,
  );
  for (let number = 1; number <= DESTINATIONS; number++) {
    await api.destination('acme', {
      id: `hook-${number}`,
      url: receiver.url('/hook'),
      policy: { retry: { delays_s: [1 + number / 100], jitter: 0 } },
    });
  }
  const event = { id: 'order-1', tenant_id: 'acme', data: {} };
  await api.publish(event);
  const dueMs = await until('all failures to be recorded', async () => {
    const times = (await api.deliveries()).map((each) => Date.parse(each.next_attempt_at ?? ''));
    return times.some((timeMs) => Number.isNaN(timeMs)) ? undefined : Math.max(...times);
  });

  let repeated = 0;
  await Promise.all(
    Array.from({ length: PUBLISHERS }, async () => {
      while (Date.now() < dueMs + 50) {
        const events = Array.from({ length: BATCH }, () => event);
        const { results } = await api.ok('POST', '/api/v1/publish/batch', { events });
        expect(results[0]).toMatchObject({ duplicate: true });
        repeated++;
      }
    }),
  );
  expect(repeated).toBeGreaterThan(PUBLISHERS);
  await receiver.wait('/hook', 2 * DESTINATIONS);
  await server.stop();
});
