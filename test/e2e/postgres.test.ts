/**
 * A server on PostgreSQL: kill -9 loses nothing, all nodes know of a change at once, and what keeps it from starting is
 * said in a line. Budget: 60 s.
 */
import { describe, expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { gate, startReceiver } from '../support/e2e-receiver.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';
import type { Server } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { hmacHex } from '../support/profile-wire.ts';
import { startReceiver as startRecorder } from '../support/receiver.ts';

const TIMEOUT_MS = 120_000;
/** A dead node's work starts again within 20 s; the machine may be slow. */
const RESCUED_MS = 60_000;
const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)(
  `serve on PostgreSQL${reason === null ? '' : `: ${reason}`}`,
  () => {
    const postgres = usePostgresServer();
    const envOf = (url: string) => ({
      ANGARIUM_DATABASE_URL: url,
      ANGARIUM_ENCRYPTION_KEY: ENCRYPTION_KEY,
    });

    it('delivers, and loses nothing by kill -9', { timeout: TIMEOUT_MS }, async () => {
      const cwd = temporaryFolder();
      const env = envOf(await postgres.createSchema());
      const receiver = await startReceiver();
      const held = gate();
      receiver.behave('/held', held.behaviour);

      const server = await startServer({ cwd, env });
      expect(server.running.stdout()).toMatch(
        /^ {2}Database {2}postgres:\/\/127\.0\.0\.1:\d+\/\w+$/m,
      );
      expect((await server.api.send('GET', '/readyz')).status).toBe(200);
      await server.api.tenant('acme');
      await server.api.destination('acme', { id: 'prompt', url: receiver.url('/prompt') });
      await server.api.destination('acme', { id: 'held', url: receiver.url('/held') });
      const events = Array.from({ length: 50 }, (_, n) => ({ tenant_id: 'acme', data: { n } }));
      const published = await server.api.publishAll(events);
      await receiver.wait('/prompt', events.length);
      await receiver.wait('/held', 1);
      await server.kill9();
      held.release();

      const next = await startServer({ cwd, env });
      const arrived = () => new Set(receiver.hits('/held').map(({ id }) => id));
      await untilTrue('the rest', () => arrived().size === published.length, RESCUED_MS);
      expect(arrived()).toEqual(new Set(published));
      await untilTrue('all to be recorded', async () => {
        const delivered = await next.api.deliveries('status=delivered');
        return delivered.length === 2 * published.length;
      });
      await next.stop();
    });

    it(
      'signs by a rotated secret on every node, the next delivery on',
      { timeout: TIMEOUT_MS },
      async () => {
        const env = envOf(await postgres.createSchema());
        const receiver = await startRecorder();
        const one = await startServer({ cwd: temporaryFolder(), env });
        const path = '/api/v1/tenants/acme/destinations';
        await one.api.tenant('acme');
        const { credentials } = await one.api.ok<{ credentials: { secret: string } }>(
          'POST',
          path,
          {
            id: 'd',
            type: 'webhook',
            topics: '*',
            profile: 'balkanid',
            config: { url: receiver.url },
          },
        );
        const other = await startServer({ cwd: temporaryFolder(), env });
        let sent = 0;
        const signedBy = async (node: Server, secret: string) => {
          await node.api.publish({ tenant_id: 'acme', data: { nth: ++sent } });
          await untilTrue('the delivery', () => receiver.requests.length === sent);
          const request = receiver.requests.at(-1);
          expect(request?.headers['x-outpost-signature']).toBe(
            `v0=${hmacHex(secret, request?.body ?? '')}`,
          );
        };
        // Both know the destination, with its first secret.
        for (const node of [one, other]) await signedBy(node, credentials.secret);
        for (const [nth, node] of [one, other, one].entries()) {
          const secret = `whsec_secret-number-${nth}`;
          await node.api.ok('POST', `${path}/d/rotate-secret`, { secret, overlap_s: 0 });
          for (const each of [other, one]) await signedBy(each, secret);
        }
        await one.stop();
        await other.stop();
      },
    );

    it.each([
      {
        what: 'no server',
        change: (url: URL) => (url.port = '1'),
        said: /cannot open postgres:\/\/127\.0\.0\.1:1\/\w+: .*ECONNREFUSED/,
      },
      {
        what: 'a wrong password',
        change: (url: URL) => (url.password = 'WRONG'),
        said: /cannot open .*password authentication failed/,
      },
      {
        what: 'no such database',
        change: (url: URL) => (url.pathname = '/nowhere'),
        said: /cannot open .*database "nowhere" does not exist/,
      },
      {
        what: 'no schema',
        change: (url: URL) => url.searchParams.set('options', '-c search_path=nowhere'),
        said: /search_path names no schema that exists/,
      },
      {
        what: 'no TLS where it is asked for',
        change: (url: URL) => url.searchParams.set('sslmode', 'require'),
        said: /cannot open .*does not support SSL/,
      },
    ])('says in a line what keeps it from starting: $what', async ({ change, said }) => {
      const url = new URL(postgres.url);
      change(url);
      const { code, stdout, stderr } = await runAngarium(['serve'], {
        cwd: temporaryFolder(),
        env: serverEnv(envOf(url.href)),
      });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(said);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(stderr).not.toContain('WRONG');
    });
  },
);
