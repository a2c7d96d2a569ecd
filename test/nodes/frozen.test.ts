/** A server that is stopped (SIGSTOP) in the middle of a commit, and goes on later. Budget: 40 s. */
import { describe, expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import type { Server } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { startHoldingProxy } from '../support/holding-proxy.ts';
import type { Moment } from '../support/holding-proxy.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const TIMEOUT_MS = 180_000;
/** Where the lane is the frozen one's, others take it over within 20 s; the machine may be slow. */
const RESCUED_MS = 90_000;
const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('a server that freezes while it holds the row of numbers', () => {
  const postgres = usePostgresServer();

  it.for<Moment>(['taken', 'half sent'])(
    'holds up the others for a moment, and nothing is lost, repeated or swapped (%s)',
    { timeout: TIMEOUT_MS },
    async (moment) => {
      const database = await postgres.createSchema();
      const proxy = await startHoldingProxy(database);
      const start = (url: string) =>
        startServer({
          cwd: temporaryFolder(),
          env: { ANGARIUM_DATABASE_URL: url, ANGARIUM_ENCRYPTION_KEY: ENCRYPTION_KEY },
        });
      const receiver = await startReceiver();
      const frozen = await start(proxy.url);
      const others = [await start(database), await start(database)];
      const [first = frozen] = others;
      await first.api.tenant('acme');
      await first.api.ok('POST', '/api/v1/tenants/acme/destinations', {
        id: 'ordered',
        type: 'webhook',
        topics: '*',
        policy: { order: 'key' },
        config: { url: receiver.url('/ordered') },
      });
      const accepted: string[] = [];
      let events = 0;
      const publish = async (on: Server, id = `e${++events}`) => {
        const event = { id, tenant_id: 'acme', topic: 'a', order_key: 'k', data: {} };
        const answer = await on.api.send('POST', '/api/v1/publish', event);
        if (answer.status === 202) accepted.push(id);
        return answer;
      };
      const arrived = () => receiver.hits('/ordered').map(({ id }) => id);
      const allArrive = () =>
        untilTrue('all to arrive', () => arrived().length >= accepted.length, RESCUED_MS);
      for (const server of [frozen, ...others]) expect((await publish(server)).status).toBe(202);
      await allArrive();

      const isHeld = proxy.holdNext(moment);
      const late = publish(frozen, 'late');
      await isHeld;
      frozen.signal('SIGSTOP');
      // What the server has answered lies there until it goes on.
      if (moment === 'taken') proxy.letGo();
      for (const server of others)
        await untilTrue('a publish to be taken', async () => {
          const { status, headers } = await publish(server);
          if (status === 202) return true;
          expect({ status, waits: headers['retry-after'] }).toEqual({ status: 503, waits: '1' });
          return false;
        });
      frozen.signal('SIGCONT');
      proxy.letGo();
      const { status } = await late;
      expect([202, 503, 504]).toContain(status);
      if (status !== 202)
        await untilTrue(
          'the same to be taken',
          async () => (await publish(frozen, 'late')).status === 202,
        );
      await untilTrue(
        'the thawed one to publish',
        async () => (await publish(frozen)).status === 202,
      );
      await allArrive();
      expect(arrived()).toEqual(accepted);
      for (const server of [frozen, ...others]) await server.stop();
      await proxy.close();
      await postgres.dropSchema(database);
    },
  );
});
