/**
 * `angarium migrate citus`: with a stand-in, what it runs and when it refuses; with Citus itself, where a given server has it,
 * the conformance suite. Budget: 20 s.
 */
import { rmSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { distribute } from '../../src/storage/postgres/distribute.ts';
import {
  DISTRIBUTED_TABLES,
  distributionSql,
  REFERENCE_TABLES,
} from '../../src/storage/postgres/distribution.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { describeStorage } from '../conformance/storage.ts';
import { distributing, writeCitusStandIn } from '../support/citus-stand-in.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { schemaOf, usePostgresServer, whyNoOwnPostgres } from '../support/postgres-server.ts';
import { postgresDriver } from '../support/storage-postgres.ts';

const given = process.env['ANGARIUM_TEST_DATABASE_URL'];

async function hasCitus(url: string): Promise<boolean> {
  const client = new pg.Client(url);
  await client.connect();
  const { rowCount } = await client.query("SELECT 1 FROM pg_extension WHERE extname = 'citus'");
  await client.end();
  return rowCount === 1;
}

if (given !== undefined && (await hasCitus(given)))
  describe('on Citus', () => describeStorage(postgresDriver(distributing(usePostgresServer()))));
else
  describe('on Citus', () =>
    it.skip('no Citus to test with: name a server that has it by ANGARIUM_TEST_DATABASE_URL'));

const reason =
  given === undefined
    ? await whyNoOwnPostgres()
    : 'needs a server of its own: unset ANGARIUM_TEST_DATABASE_URL';
if (reason !== null) describe('migrate citus', () => it.skip(reason));
else describe('migrate citus', describeCommand);

function describeCommand() {
  const postgres = usePostgresServer();
  const folder = writeCitusStandIn();
  afterAll(() => rmSync(folder, { recursive: true }));

  const migrateCitus = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runAngarium(['migrate', 'citus', ...args], { cwd: temporaryFolder(), env });

  it('prints the SQL, and needs no database for that', async () => {
    const { code, stdout, stderr } = await migrateCitus(['--print']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      distributionSql()
        .map((sql) => `${sql};\n`)
        .join(''),
    );
  });

  it.each([
    { args: [], said: '--to: write postgres://..., or set ANGARIUM_DATABASE_URL to it' },
    {
      args: ['--to', 'sqlite:a.db'],
      said: '--to: write postgres://...: SQLite is not distributed',
    },
    { args: ['--shards', '3'], said: "Unknown option '--shards'" },
  ])('refuses $args', async ({ args, said }) => {
    const { code, stderr } = await migrateCitus(args);
    expect(code).toBe(2);
    expect(stderr).toContain(said);
  });

  it('says that the server has no Citus', async () => {
    const url = await postgres.createSchema();
    const { code, stdout, stderr } = await migrateCitus([], { ANGARIUM_DATABASE_URL: url });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^angarium: postgres:\/\/\S+ has no Citus: install it on that server and its workers first, and add the workers\n$/,
    );
    const tables = await postgres.query(
      `SELECT 1 FROM pg_class WHERE relnamespace = '${schemaOf(url)}'::regnamespace`,
    );
    expect(tables).toEqual([]);
  });

  describe('where the extension is there', () => {
    beforeAll(async () => {
      await postgres.query(`ALTER SYSTEM SET extension_control_path = '${folder}:$system'`);
      await postgres.query('SELECT pg_reload_conf()');
    });

    /** With the extension in it. */
    async function createSchema(): Promise<string> {
      const url = await postgres.createSchema();
      await postgres.query('DROP EXTENSION IF EXISTS citus');
      await postgres.queryAt(url, 'CREATE EXTENSION citus');
      return url;
    }

    const layOf = async (url: string) =>
      Object.fromEntries(
        (
          await postgres.queryAt(
            url,
            'SELECT relname, partmethod FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid',
          )
        ).map(({ relname, partmethod }) => [relname, partmethod]),
      );

    it('is told to make it, where it is only available', async () => {
      const url = await postgres.createSchema();
      await postgres.query('DROP EXTENSION IF EXISTS citus');
      const { code, stderr } = await migrateCitus(['--to', url]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/has no extension citus: as a superuser run CREATE EXTENSION citus/);
    });

    it('distributes every table, once, and what is new after an update', async () => {
      const url = await createSchema();
      const first = await migrateCitus(['--to', url]);
      expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
      expect(first.stdout).toContain(distributionSql().join(';\n'));
      expect(await layOf(url)).toEqual(
        Object.fromEntries([
          ...REFERENCE_TABLES.map((table) => [table, 'n']),
          ...DISTRIBUTED_TABLES.map((table) => [table, 'h']),
        ]),
      );
      const again = await migrateCitus(['--to', url]);
      expect(again.stdout).toBe('All tables lie as they should: nothing was changed.\n');
      const last = DISTRIBUTED_TABLES.at(-1);
      await postgres.queryAt(
        url,
        `DELETE FROM pg_dist_partition WHERE logicalrelid = '${last}'::regclass`,
      );
      expect(await distribute(url)).toEqual([
        `SELECT create_distributed_table('${last}', 'tenant_no', colocate_with => '${DISTRIBUTED_TABLES[0]}')`,
      ]);
    });

    it('does nothing while a server runs, or where one table is refused', async () => {
      const url = await createSchema();
      const storage = await openPostgresStorage({ url });
      const busy = await migrateCitus(['--to', url]);
      expect(busy.code).toBe(1);
      expect(busy.stderr).toMatch(
        /^angarium: servers use the database \(1\), or were killed within the last 15 s: stop all of them/,
      );
      await storage.close();
      const refused = DISTRIBUTED_TABLES.at(-1);
      await postgres.queryAt(url, `CREATE UNIQUE INDEX wrong ON ${refused} (day)`);
      const wrong = await migrateCitus(['--to', url]);
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toMatch(/^angarium: cannot open .*cannot create constraint on/);
      expect(await layOf(url)).toEqual({});
    });
  });
}
