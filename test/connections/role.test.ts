/** A role that owns its schema, and may do nothing else. Budget: 15 s. */
import { describe, expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();
if (reason !== null) describe('a role that owns only its schema', () => it.skip(reason));
else describe('a role that owns only its schema', describeRole);

function describeRole() {
  const postgres = usePostgresServer();

  /** A database that nobody may use but those who are granted it, and a role that may connect there. */
  async function makeRole(name: string, schema: string): Promise<URL> {
    for (const sql of [
      `CREATE ROLE ${name} LOGIN PASSWORD 'of-${name}' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`,
      `CREATE DATABASE ${name}`,
      `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
      `GRANT CONNECT ON DATABASE ${name} TO ${name}`,
      `ALTER ROLE ${name} SET search_path = angarium`,
    ])
      await postgres.query(sql);
    const url = new URL(postgres.url);
    url.pathname = `/${name}`;
    await postgres.queryAt(url.href, `REVOKE ALL ON SCHEMA public FROM PUBLIC; ${schema}`);
    url.username = name;
    url.password = `of-${name}`;
    return url;
  }

  const envOf = (url: URL) => ({
    ANGARIUM_DATABASE_URL: url.href,
    ANGARIUM_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  });

  it('makes its tables, serves, and starts again', async () => {
    const url = await makeRole('lonely', 'CREATE SCHEMA angarium AUTHORIZATION lonely');
    const [rights] = await postgres.queryAt(
      url.href,
      `SELECT has_database_privilege(current_database(), 'CREATE') AS creates,
              has_database_privilege(current_database(), 'TEMPORARY') AS temporary,
              has_schema_privilege('public', 'CREATE') AS public`,
    );
    expect(rights).toEqual({ creates: false, temporary: false, public: false });
    const cwd = temporaryFolder();
    const env = envOf(url);
    const receiver = await startReceiver();
    const nodes = await Promise.all([startServer({ cwd, env }), startServer({ cwd, env })]);
    const [one, other] = nodes;
    await one.api.tenant('acme');
    await one.api.destination('acme', { id: 'd', url: receiver.url('/d') });
    await one.api.publish({ tenant_id: 'acme', data: {} });
    await other.api.publish({ tenant_id: 'acme', data: {} });
    await receiver.wait('/d', 2);
    await untilTrue('both to be recorded', async () => {
      const delivered = await one.api.deliveries('status=delivered');
      return delivered.length === 2;
    });
    // Its counts, and what is left of a tenant that goes, are seen to beside the hot way.
    await untilTrue('the counts', async () => {
      const found = await one.api.ok<{ data: readonly unknown[] }>('GET', '/api/v1/usage');
      return JSON.stringify(found).includes('acme');
    });
    await one.api.ok('DELETE', '/api/v1/tenants/acme');
    await untilTrue('nothing to be left of it', async () => {
      const [left] = await postgres.queryAt(url.href, 'SELECT count(*)::integer FROM events');
      return left?.['count'] === 0;
    });
    for (const node of nodes) await node.stop();
    await (await startServer({ cwd, env })).stop();
  });

  it('has to own it: else the server does not start, and says so', async () => {
    const url = await makeRole(
      'guest',
      'CREATE SCHEMA angarium; GRANT USAGE ON SCHEMA angarium TO guest',
    );
    const { code, stdout, stderr } = await runAngarium(['serve'], {
      cwd: temporaryFolder(),
      env: serverEnv(envOf(url)),
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^angarium: the role may not make tables in postgres:.*\/guest \(permission denied for schema angarium\): it has to own its schema\n$/,
    );
  });
}
