/** `angarium migrate data`: an installation goes on on PostgreSQL as if nothing had been. Budget: 60 s. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { describe, expect, it } from 'vitest';

import type { Health } from '../../src/domain/health.ts';
import { Api } from '../support/e2e-api.ts';
import { everythingOf, fillWithEverything } from '../support/e2e-everything.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium, startAngarium } from '../support/e2e-process.ts';
import { gate, startReceiver } from '../support/e2e-receiver.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const TIMEOUT_MS = 180_000;
const FROM = ['--from', 'sqlite:./data/angarium.db'];

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)(`migrate data${reason === null ? '' : `: ${reason}`}`, () => {
  const postgres = usePostgresServer();

  /** While this runs, nothing is written to the table. */
  async function whileLocked(url: string, table: string, run: () => Promise<void>): Promise<void> {
    const client = new pg.Client(postgres.url);
    await client.connect();
    await client.query('BEGIN');
    await client.query(`LOCK TABLE ${schemaOf(url)}.${table} IN SHARE MODE`);
    try {
      await run();
    } finally {
      await client.end();
    }
  }

  async function isWaiting(url: string): Promise<boolean> {
    const rows = await postgres.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = '${schemaOf(url)}' AND wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  }

  it(
    'killed again and again and run again, it brings everything, and the server on PostgreSQL goes on',
    { timeout: TIMEOUT_MS },
    async () => {
      const cwd = temporaryFolder();
      const url = await postgres.createSchema();
      const receiver = await startReceiver();
      const migrate = (...more: string[]) => ['migrate', 'data', ...FROM, ...more];
      const env = { ANGARIUM_DATABASE_URL: url };

      const before = await startServer({ cwd });
      const { readKey, clientToken } = await fillWithEverything(before.api, receiver);
      const held = gate();
      receiver.behave('/held', held.behaviour);
      // It is under way until it is released, however long all of this takes.
      const patient = { id: 'held', url: receiver.url('/held'), policy: { timeout_ms: 120_000 } };
      await before.api.destination('other', patient);
      const refused = await runAngarium(migrate(), { cwd, env });
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toMatch(/^angarium: another process is using .*: stop it/);

      // Under way when the server is killed.
      const late = await before.api.publish({ tenant_id: 'other', id: 'own-late', data: {} });
      await receiver.wait('/held', 1);
      await untilTrue('the other to be recorded', async () =>
        (await before.api.deliveries(`event_id=${late}`)).some(
          ({ status }) => status === 'delivered',
        ),
      );
      await untilCounted(before.api);
      await untilHealthIsWritten(before.api, cwd);
      const wanted = atRest(await everythingOf(before.api));
      await before.kill9();

      // A server has run on the target, and left nothing.
      const keyFile = join(cwd, 'data', 'angarium.encryption-key');
      const after = {
        ...env,
        ANGARIUM_ENCRYPTION_KEY: readFileSync(keyFile, 'utf8').trim(),
      };
      await (await startServer({ cwd: temporaryFolder(), env: after })).stop();
      const preview = await runAngarium(migrate('--dry-run'), { cwd, env });
      expect(preview).toMatchObject({ code: 0, stderr: '' });
      expect(preview.stdout).toMatch(/^ {2}attempts +\d+ rows$/m);
      expect(preview.stdout).toContain('The target is empty. Nothing was changed');

      for (const table of ['tenants', 'deliveries']) {
        await whileLocked(url, table, async () => {
          const running = startAngarium(migrate(), { cwd, env });
          await untilTrue(`the copy to come to ${table}`, () => isWaiting(url));
          running.child.kill('SIGKILL');
          await running.exited;
        });
      }
      await whileLocked(url, 'replays', async () => {
        const running = startAngarium(migrate(), { cwd, env });
        await untilTrue('the copy to come to replays', () => isWaiting(url));
        await postgres.cutOff(url);
        expect(await running.exited).toMatchObject({ code: 1 });
        expect(running.stderr()).toMatch(
          /^angarium: the database has gone: .+ Run the same again: it goes on where it was\.$/m,
        );
      });
      const half = await runAngarium(['serve'], { cwd, env: serverEnv(after) });
      expect(half).toMatchObject({ code: 1, stdout: '' });
      expect(half.stderr).toMatch(/not all are there: run angarium migrate data to its end/);

      const further = await runAngarium(migrate('--dry-run'), { cwd, env });
      expect(further.stdout).toMatch(
        /^The target has [1-9][\d,]* rows of it\. Nothing was changed/m,
      );
      const done = await runAngarium(migrate(), { cwd, env });
      expect(done).toMatchObject({ code: 0 });
      expect(done.stdout).toMatch(/^Copied and verified: [\d,]+ rows in \d+ tables\.$/m);
      expect(done.stdout).toContain('Start no server on ./data/angarium.db any more');
      expect(done.stderr).toMatch(/^copied +audit +(\d+) of \1 rows$/m);
      // What was there already was not copied again.
      expect(done.stderr).not.toMatch(/^copied +events/m);
      expect(done.stderr).toMatch(/^verified {2}events/m);
      const again = await runAngarium(migrate(), { cwd, env });
      expect(again).toMatchObject({ code: 0, stderr: '' });
      expect(again.stdout).toMatch(/^All of it was copied and verified before/);

      const server = await startServer({ cwd: temporaryFolder(), env: after });
      const { api } = server;
      expect(atRest(await everythingOf(api))).toEqual(wanted);

      // What was under way arrives again, under its id.
      const hits = await receiver.wait('/held', 2);
      expect(new Set(hits.map(({ id }) => id))).toEqual(new Set([late]));
      held.release();
      // The same id is the same event, and nothing else.
      const same = { tenant_id: 'other', id: 'own-late', data: {} };
      expect(await api.ok('POST', '/api/v1/publish', same)).toMatchObject({ duplicate: true });
      const other = await api.send('POST', '/api/v1/publish', { ...same, data: { n: 1 } });
      expect(other.status).toBe(409);
      // What waited goes on with its next attempt, signed with what was sealed in the file; order holds.
      for (const path of ['/broken', '/ordered']) receiver.behave(path, () => 200);
      const waiting = await api.deliveries('tenant_id=acme&status=pending');
      expect(waiting.length).toBeGreaterThan(20);
      const from = receiver.hits('/ordered').length;
      for (const { event_id: event, destination_id: destination, attempts } of waiting) {
        if (attempts > 0)
          await api.ok('POST', '/api/v1/retry', { event_id: event, destination_id: destination });
      }
      await untilTrue('all of it to be delivered', async () => {
        const left = await api.deliveries('tenant_id=acme&status=pending');
        return left.length === 0;
      });
      const arrived = receiver.hits('/ordered').slice(from).map(numberOf);
      for (const isOfKey of [(n: number) => n % 2 === 0, (n: number) => n % 2 === 1]) {
        const ofKey = arrived.filter(isOfKey);
        expect(ofKey).toEqual(ofKey.toSorted((one, two) => one - two));
        expect(ofKey.length).toBeGreaterThan(4);
      }
      await untilCounted(api);
      // Keys and clients are who they were.
      const reader = new Api(server.url, readKey);
      expect((await reader.send('GET', '/api/v1/events?limit=1')).status).toBe(200);
      expect((await reader.send('PUT', '/api/v1/tenants/nobody')).status).toBe(403);
      const client = new Api(server.url, clientToken);
      expect((await client.send('GET', '/api/v1/webhooksubscriptions')).status).toBe(200);
      // New things stand beside the old ones.
      await api.tenant('newcomer');
      await api.destination('newcomer', { id: 'ok', url: receiver.url('/newcomer') });
      const first = await api.publish({ tenant_id: 'newcomer', data: {} });
      expect((await receiver.wait('/newcomer', 1)).map(({ id }) => id)).toEqual([first]);
      reader.close();
      client.close();
      await server.stop();
    },
  );

  it('says what is wrong with how it was typed', { timeout: TIMEOUT_MS }, async () => {
    const cwd = temporaryFolder();
    const run = async (args: readonly string[], env: Record<string, string> = {}) => {
      const { code, stderr } = await runAngarium(['migrate', 'data', ...args], { cwd, env });
      return { code, stderr };
    };
    const said = (code: number, pattern: RegExp) => ({
      code,
      stderr: expect.stringMatching(pattern) as string,
    });
    const to = ['--to', postgres.url];
    expect(await run([])).toEqual(said(2, /^angarium: --from: write sqlite:PATH/));
    expect(await run(FROM)).toEqual(said(2, /^angarium: --to: write postgres:/));
    expect(await run(['--from', postgres.url, ...to])).toEqual(said(2, /from SQLite alone/));
    expect(await run([...FROM, '--to', 'sqlite:./b.db'])).toEqual(said(2, /to PostgreSQL alone/));
    expect(await run([...FROM, ...to, '--fast'])).toEqual(said(2, /Unknown option '--fast'/));
    expect(await run([...FROM, ...to])).toEqual(said(1, /^angarium: there is no file/));
  });
});

/** Whether what waits at the gate is just being sent is of the moment. */
function atRest(found: Record<string, unknown>): unknown {
  const text = JSON.stringify(found, (_key, value: unknown) => {
    const isHeld =
      typeof value === 'object' &&
      value !== null &&
      'destination_id' in value &&
      value.destination_id === 'held' &&
      'next_attempt_at' in value;
    return isHeld ? { ...value, status: 'waits or is sent', next_attempt_at: null } : value;
  });
  return JSON.parse(text);
}

interface Fared {
  readonly id: string;
  readonly state: {
    readonly consecutive_failures: number;
    readonly last_success_at: string | null;
  };
}

/** How destinations fare is written every few seconds: a process that is killed forgets what came after. */
async function untilHealthIsWritten(api: Api, cwd: string): Promise<void> {
  const db = new DatabaseSync(join(cwd, 'data', 'angarium.db'), { readOnly: true });
  const select = db.prepare(`
    SELECT tenants.id || ' ' || destinations.id AS name, health
    FROM destination_health JOIN destinations ON destinations.no = destination_no JOIN tenants ON tenants.no = tenant_no
    WHERE destinations.deleted_ms IS NULL`);
  try {
    await untilTrue('the health of all destinations to be written', async () => {
      const written = new Map(
        select.all().map(({ name, health }) => {
          const { consecutiveFailures, lastSuccessAtMs } = JSON.parse(String(health)) as Health;
          return [String(name), `${consecutiveFailures} ${lastSuccessAtMs}`];
        }),
      );
      for (const tenant of ['acme', 'other']) {
        const path = `/api/v1/tenants/${tenant}/destinations`;
        for (const { id, state } of await api.ok<Fared[]>('GET', path)) {
          const { consecutive_failures: failures, last_success_at: success } = state;
          const shown = `${failures} ${success === null ? null : Date.parse(success)}`;
          if ((written.get(`${tenant} ${id}`) ?? '0 null') !== shown) return false;
        }
      }
      return true;
    });
  } finally {
    db.close();
  }
}

/** Usage says what the attempts say. */
async function untilCounted(api: Api): Promise<void> {
  await untilTrue('all to be counted', async () => {
    const { attempts, usage } = await api.billed();
    return Object.keys(attempts).every((key) => attempts[key] === usage[key]);
  });
}

function numberOf({ body }: { readonly body: string }): number {
  const { data } = JSON.parse(body) as { data: { n: number } };
  return data.n;
}
