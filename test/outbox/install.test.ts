/** `angarium outbox install` and `uninstall`. */
import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { runOutboxCommand } from '../../src/cli/outbox.ts';
import { installOutbox, uninstallOutbox } from '../../src/outbox/install.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { startApplication } from '../support/outbox-application.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();
if (reason !== null) describe('the outbox', () => it.skip(reason));
else describeInstall();

function describeInstall() {
  const server = usePostgresServer();

  async function objectsIn(schema: string): Promise<string[]> {
    const rows = await server.query(`
      SELECT relname AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
      WHERE nspname = '${schema}' AND relkind = 'r'
      UNION ALL
      SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
      WHERE nspname = '${schema}'
      UNION ALL
      SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
      WHERE nspname = '${schema}' AND NOT tgisinternal
      ORDER BY 1`);
    return rows.map((row) => String(row['name']));
  }

  const OBJECTS = [
    'angarium_outbox',
    // The trigger, and its function.
    'angarium_outbox_begin',
    'angarium_outbox_begin',
    'angarium_outbox_failed',
    'angarium_outbox_notify',
    'angarium_outbox_retry',
    'angarium_outbox_state',
    'angarium_publish',
    'angarium_publish',
    'angarium_publish',
  ];

  it('makes what is there once, however often and by how many it is done at once', async () => {
    const { place, publish, rows } = await startApplication(server, { install: false });
    const done = await Promise.all(Array.from({ length: 10 }, () => installOutbox(place, false)));
    expect(done.filter(({ from }) => from === 0)).toHaveLength(1);
    expect(new Set(done.map(({ version }) => version))).toEqual(new Set([1]));
    expect(await objectsIn(place.schema)).toEqual(OBJECTS);
    await publish({ tenant: 'acme', id: 'kept' });
    expect(await installOutbox(place, false)).toEqual({ from: 1, version: 1, owner: 'angarium' });
    expect((await rows('angarium_outbox')).map((row) => row['event_id'])).toEqual(['kept']);
  });

  it('makes commits notify, or not, as it is told the last time', async () => {
    const { place } = await startApplication(server, { install: false });
    await installOutbox(place, true);
    // The trigger, and its function.
    const both = ['angarium_outbox_notify', 'angarium_outbox_notify'];
    const notifiers = async () =>
      (await objectsIn(place.schema)).filter((name) => name.endsWith('notify'));
    expect(await notifiers()).toEqual(both);
    await installOutbox(place, true);
    expect(await notifiers()).toEqual(both);
    await installOutbox(place, false);
    expect(await notifiers()).toEqual(['angarium_outbox_notify']);
  });

  it('is done by a role that owns its schema and nothing else', async () => {
    const { place, rows } = await startApplication(server, { install: false });
    const role = `owner_${place.schema}`;
    await server.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    await server.query(`CREATE SCHEMA ${place.schema} AUTHORIZATION ${role}`);
    const url = new URL(place.url);
    url.username = role;
    url.password = 'secret';
    try {
      expect(await installOutbox({ ...place, url: url.href }, false)).toMatchObject({
        owner: role,
      });
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      await client.query(`SELECT ${place.schema}.angarium_publish('acme', 'a', '{}')`);
      await client.end();
      expect(await rows('angarium_outbox')).toHaveLength(1);
      expect(await uninstallOutbox({ ...place, url: url.href }, true)).toBe(true);
      expect(await objectsIn(place.schema)).toEqual([]);
    } finally {
      await server.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
    }
  });

  it('refuses an outbox that a newer Angarium has made, and changes nothing of it', async () => {
    const { place } = await startApplication(server);
    await server.query(`UPDATE ${place.schema}.angarium_outbox_state SET version = 999`);
    await expect(installOutbox(place, true)).rejects.toThrow(
      'has version 999, but this version of Angarium knows only 1: use the newer Angarium',
    );
    expect(await objectsIn(place.schema)).toEqual(OBJECTS);
  });

  it('refuses a schema in which everybody may create things', async () => {
    const { place } = await startApplication(server, { install: false });
    await server.query(
      `CREATE SCHEMA ${place.schema}; GRANT CREATE ON SCHEMA ${place.schema} TO PUBLIC`,
    );
    await expect(installOutbox(place, false)).rejects.toThrow(
      `everybody may create things in the schema ${place.schema}: choose another one`,
    );
    expect(await objectsIn(place.schema)).toEqual([]);
  });

  it('takes it away, unless events are in it, and leaves what is not its own', async () => {
    const { place, publish } = await startApplication(server);
    await server.query(`CREATE TABLE ${place.schema}.orders (id int)`);
    await publish({ tenant: 'acme' });
    await expect(uninstallOutbox(place, false)).rejects.toThrow(
      '1 events wait in the outbox to be published, and 0 have failed',
    );
    expect(await objectsIn(place.schema)).toEqual([...OBJECTS, 'orders']);
    await server.query(`DELETE FROM ${place.schema}.angarium_outbox`);
    expect(await uninstallOutbox(place, false)).toBe(true);
    expect(await objectsIn(place.schema)).toEqual(['orders']);
    expect(await uninstallOutbox(place, false)).toBe(false);
  });

  it('does not wait for an application for ever', async () => {
    const { place, connect } = await startApplication(server);
    const client = await connect();
    await client.query(`BEGIN; LOCK TABLE ${place.schema}.angarium_outbox IN ACCESS SHARE MODE`);
    await expect(uninstallOutbox(place, true)).rejects.toThrow(
      'something else holds the outbox for more than 5 s',
    );
    await client.query('ROLLBACK');
    expect(await objectsIn(place.schema)).toEqual(OBJECTS);
  });

  it('says which grants are needed, and they are enough', async () => {
    const { place, rows } = await startApplication(server, { install: false });
    const said = await runOutboxCommand('outbox_install', ['--schema', place.schema], {
      ANGARIUM_OUTBOX_URL: place.url,
    });
    expect(said).toContain(`is installed, version 1. It belongs to the role angarium`);
    expect(said).not.toContain('angarium:angarium');
    const app = `app_${place.schema}`;
    const relay = `relay_${place.schema}`;
    const grants = said
      .split('\n')
      .filter((line) => line.startsWith('  GRANT'))
      .map((line) => line.replace('my_app', app).replace('my_relay', relay));
    await server.query(`CREATE ROLE ${app}; CREATE ROLE ${relay} LOGIN PASSWORD 'secret'`);
    try {
      await server.query(grants.join('\n'));
      const call = said.split('\n').find((line) => line.startsWith('  SELECT')) ?? '';
      await server.query(`SET ROLE ${app}; ${call} ${call} RESET ROLE`);
      const url = new URL(place.url);
      url.username = relay;
      url.password = 'secret';
      const { openOutboxDatabase } = await import('../../src/outbox/outbox-database.ts');
      const database = openOutboxDatabase({ ...place, url: url.href });
      const { events } = await database.read({
        above: 0n,
        maxEvents: 10,
        maxBytes: 1000,
        maxEventBytes: 1000,
        without: [],
      });
      expect(events.map(({ tenantId }) => tenantId)).toEqual(['TENANT', 'TENANT']);
      expect(await database.lease('me')).toBe(true);
      const [first, second] = events.map(({ position }) => position);
      await database.remove([first ?? '']);
      await database.refuse([{ position: second ?? '', code: 'internal', reason: 'a\0b' }]);
      await database.release('me');
      await database.close();
      expect(await rows('angarium_outbox')).toEqual([]);
      expect((await rows('angarium_outbox_failed')).map((row) => row['reason'])).toEqual(['ab']);
    } finally {
      await server.query(`DROP OWNED BY ${app}, ${relay}; DROP ROLE ${app}, ${relay}`);
    }
  });

  describe('the command line', () => {
    const run = (args: string[], env: Record<string, string> = {}) =>
      runAngarium(['outbox', ...args], { cwd: temporaryFolder(), env });

    it('installs twice and uninstalls', async () => {
      const { place } = await startApplication(server, { install: false });
      const args = ['--url', place.url, '--schema', place.schema];
      const first = await run(['install', ...args]);
      expect([first.code, first.stderr]).toEqual([0, '']);
      const second = await run(['install', ...args, '--notify']);
      expect(second.stdout).toContain('was there already, at version 1');
      expect(second.stdout).toContain('commits notify: yes');
      const gone = await run(['uninstall', ...args]);
      expect([gone.code, gone.stdout]).toEqual([
        0,
        `The outbox is gone. The schema ${place.schema} stays: DROP SCHEMA "${place.schema}"; removes it, where nothing else is in it.\n`,
      ]);
    });

    it('refuses what is typed wrong with 2', async () => {
      const wrong = await run(['install', '--url', 'mysql://me:secret@db/shop']);
      expect([wrong.code, wrong.stderr]).toEqual([
        2,
        'angarium: --url: it is no URL of a PostgreSQL database: write postgres://USER:PASSWORD@HOST:PORT/DATABASE\n',
      ]);
      const none = await run(['install']);
      expect(none.code).toBe(2);
      expect(none.stderr).toContain('--url: name the application’s database');
    });

    it.each([
      [
        'a server that is not there',
        () => 'postgres://me:secret@127.0.0.1:1/shop',
        /^angarium: postgres:\/\/127\.0\.0\.1:1\/shop: .*ECONNREFUSED.*: is the server running, and are host and port right\?\n$/,
      ],
      [
        'a wrong password',
        () => server.url.replace(':angarium@', ':secret@'),
        /password authentication failed.*: are user and password right, and may this user come from here\?\n$/,
      ],
      [
        'no such database',
        () => `${server.url}-secret`,
        /database "postgres-secret" does not exist: name a database that exists\n$/,
      ],
    ])('says in a sentence what is wrong with %s', async (_what, url, sentence) => {
      const { code, stdout, stderr } = await run(['install', '--url', url()]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(sentence);
      expect(stderr).not.toContain(':secret@');
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    });
  });
}
