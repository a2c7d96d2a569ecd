/**
 * What is billed, through kill -9 in the middle of a load: every attempt that is on record once, by day, tenant, API
 * client and destination. Budget: 15 s.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';

import { Api } from '../support/e2e-api.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { Load } from '../support/e2e-load.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { SeededRandom } from '../support/simulated-random.ts';

const CRASHES = 4;
const RETRY = { delays_s: [0.2, 0.2, 0.2], jitter: 0 };

it('usage is what the attempts are, through four kill -9', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['ANGARIUM_TEST_SEED'] ?? Date.now() % 1_000_000);
  console.log(`usage: seed ${seed}`);
  const random = new SeededRandom(seed);
  const cwd = temporaryFolder();
  const receiver = await startReceiver();
  receiver.behave('/flaky', () => (random.chance(0.5) ? 200 : 503));
  const load = new Load(['acme', 'zenith'], random.fork());

  let server = await startServer({ cwd });
  /** The API client of each hook. */
  const clients = new Map<string, string>();
  for (const tenant of ['acme', 'zenith']) {
    await server.api.tenant(tenant);
    for (const kind of ['prompt', 'flaky']) {
      const policy = { retry: RETRY };
      await server.api.destination(tenant, { id: kind, url: receiver.url(`/${kind}`), policy });
    }
    for (const name of ['one', 'other']) {
      const client = await server.api.ok<{ urn: string; token: string }>(
        'POST',
        '/api/v1/apiclients',
        { tenant_id: tenant, name, scope: 'webhook', full_access: true },
      );
      const own = new Api(server.url, client.token);
      const hook = { event: 'order.placed', target_url: receiver.url(`/${name}`) };
      const { id } = await own.ok<{ id: string }>('POST', '/api/v1/hooks', hook);
      own.close();
      clients.set(id, client.urn);
    }
  }
  for (let crash = 0; crash < CRASHES; crash++) {
    const enough = load.acknowledged.size + random.int(20, 400);
    const publishers = load.run(server.api);
    await untilTrue(`${enough} events`, () => load.acknowledged.size >= enough);
    await pause(random.between(0, 30));
    await server.kill9();
    await publishers;
    server = await startServer({ cwd });
  }
  await untilTrue('no delivery to be pending', () => server.api.isIdle());
  const isCounted = async () => {
    const { attempts, usage } = await server.api.billed(clients);
    return isDeepStrictEqual(attempts, usage);
  };
  await untilTrue('all attempts to be counted', isCounted).catch(() => {});
  const { attempts, usage } = await server.api.billed(clients);
  expect(usage).toEqual(attempts);
  // Both tenants, their two clients each, what belongs to none, and all destinations.
  expect(Object.keys(usage).length).toBeGreaterThanOrEqual(2 * (1 + 3 + 4));
  await server.stop();
});
