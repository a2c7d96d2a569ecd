/** Three servers over one database: one is killed, one is frozen for longer than its lease. Budget: 60 s. */
import { describe, expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const TIMEOUT_MS = 180_000;
/** A dead node's work starts again within 20 s; the machine may be slow. */
const RESCUED_MS = 90_000;
const DESTINATIONS = 12;
const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('servers over one PostgreSQL', () => {
  const postgres = usePostgresServer();

  it(
    'do the work of one that was killed and of one that was frozen, which finds out by itself',
    { timeout: TIMEOUT_MS },
    async () => {
      const cwd = temporaryFolder();
      const env = {
        ANGARIUM_DATABASE_URL: await postgres.createSchema(),
        ANGARIUM_ENCRYPTION_KEY: ENCRYPTION_KEY,
      };
      const receiver = await startReceiver();
      const servers = await Promise.all([1, 2, 3].map(() => startServer({ cwd, env })));
      const [alive, frozen, killed] = servers;
      if (alive === undefined || frozen === undefined || killed === undefined)
        throw new Error('three were started');
      await alive.api.tenant('acme');
      const paths = Array.from({ length: DESTINATIONS }, (_, index) => `/${index}`);
      for (const path of paths)
        await alive.api.destination('acme', { id: `d${path.slice(1)}`, url: receiver.url(path) });
      const published: string[] = [];
      const publish = async (on: typeof alive, count: number) => {
        const events = Array.from({ length: count }, (_, n) => ({
          tenant_id: 'acme',
          data: { n },
        }));
        published.push(...(await on.api.publishAll(events)));
      };
      for (const server of servers) await publish(server, 20);
      await killed.kill9();
      frozen.signal('SIGSTOP');
      // Where that holds what all wait for, it is 503 until the database has ended its transaction.
      await untilTrue('the one that is left to publish', () =>
        publish(alive, 20).then(
          () => true,
          () => false,
        ),
      );
      const arrivedAt = (path: string) => new Set(receiver.hits(path).map(({ id }) => id));
      await untilTrue(
        'all to arrive without the two',
        () => paths.every((path) => arrivedAt(path).size === published.length),
        RESCUED_MS,
      );
      frozen.signal('SIGCONT');
      await publish(alive, 20);
      await untilTrue('the thawed one to publish', async () => {
        await publish(frozen, 1);
        return true;
      });
      await untilTrue(
        'all to be recorded',
        async () => {
          const pending = await alive.api.deliveries('status=pending');
          return pending.length === 0;
        },
        RESCUED_MS,
      );
      for (const path of paths) expect(arrivedAt(path)).toEqual(new Set(published));
      for (const path of paths) {
        const id = `d${path.slice(1)}`;
        const delivered = await alive.api.deliveries(`status=delivered&destination_id=${id}`);
        expect(delivered).toHaveLength(published.length);
      }
      await alive.stop();
      await frozen.stop();
    },
  );
});
