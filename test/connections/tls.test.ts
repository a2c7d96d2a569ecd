/** TLS to the database: what a URL asks for is what there is, or the server does not start and says why. Budget: 30 s. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { createCertificate } from '../support/certificate.ts';
import type { TestCertificate } from '../support/certificate.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';
import { schemaOf, usePostgresServer, whyNoOwnPostgres } from '../support/postgres-server.ts';
import { makeCertifiedRole, switchTlsOn } from '../support/postgres-tls.ts';

const isGiven = process.env['ANGARIUM_TEST_DATABASE_URL'] !== undefined;
const reason = isGiven
  ? 'needs a server of its own: unset ANGARIUM_TEST_DATABASE_URL'
  : await whyNoOwnPostgres();
if (reason !== null) describe('TLS to the database', () => it.skip(reason));
else describe('TLS to the database', describeTls);

function describeTls() {
  const postgres = usePostgresServer();

  /** Of a new schema. `{ca}` in a parameter: the file of that authority. */
  async function envOf(
    parameters: Readonly<Record<string, string>>,
    { ca }: { ca?: TestCertificate } = {},
  ) {
    const cwd = temporaryFolder();
    if (ca !== undefined) writeFileSync(join(cwd, 'ca.pem'), ca.cert);
    const url = new URL(await postgres.createSchema());
    for (const [name, value] of Object.entries(parameters))
      url.searchParams.set(name, value.replace('{ca}', join(cwd, 'ca.pem')));
    const env = {
      ANGARIUM_DATABASE_URL: url.href,
      ANGARIUM_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    };
    return { cwd, env, url: url.href };
  }

  async function refusal({ cwd, env }: Awaited<ReturnType<typeof envOf>>): Promise<string> {
    const { code, stdout, stderr } = await runAngarium(['serve'], { cwd, env: serverEnv(env) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    return stderr;
  }

  describe('of a server without it', () => {
    it.each([{ sslmode: 'require' }, { sslmode: 'verify-full' }])(
      'is missed, whatever was asked for: %j',
      async (parameters) => {
        expect(await refusal(await envOf(parameters))).toMatch(
          /^angarium: cannot open postgres:.*does not support SSL connections: switch TLS on there/,
        );
      },
    );
  });

  describe('of a server that has it', () => {
    const authority = createCertificate([], { name: 'Angarium test' });
    const stranger = createCertificate([], { name: 'Angarium test' });
    const right = createCertificate(['127.0.0.1'], { issuer: authority, serial: 2 });
    const elsewhere = createCertificate(['db.test', 'localhost'], {
      issuer: authority,
      serial: 3,
    });
    const expired = createCertificate(['127.0.0.1'], {
      issuer: authority,
      serial: 4,
      notBefore: '200101000000Z',
      notAfter: '210101000000Z',
    });
    const FULL = { sslmode: 'verify-full', sslrootcert: '{ca}' };

    beforeAll(() => switchTlsOn(postgres, right));

    it.each([
      { what: 'require', parameters: { sslmode: 'require' } },
      { what: 'verify-ca', parameters: { sslmode: 'verify-ca', sslrootcert: '{ca}' } },
      { what: 'verify-full', parameters: FULL },
      { what: 'verify-full, by ANGARIUM_CA_FILE', parameters: { sslmode: 'verify-full' } },
    ])('is used by all connections with $what', async ({ what, parameters }) => {
      const { cwd, env, url } = await envOf(parameters, { ca: authority });
      const byFile = what.includes('CA_FILE') ? { ANGARIUM_CA_FILE: join(cwd, 'ca.pem') } : {};
      const receiver = await startReceiver();
      const server = await startServer({ cwd, env: { ...env, ...byFile } });
      await server.api.tenant('acme');
      await server.api.destination('acme', { id: 'd', url: receiver.url('/d') });
      await server.api.publish({ tenant_id: 'acme', data: {} });
      await receiver.wait('/d', 1);
      const rows = await postgres.query(
        `SELECT ssl, count(*)::integer AS count FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = '${schemaOf(url)}' GROUP BY ssl`,
      );
      expect(rows).toEqual([{ ssl: true, count: expect.any(Number) as number }]);
      await server.stop();
    });

    it('is not used where the URL does not ask for it', async () => {
      const { cwd, env, url } = await envOf({});
      const server = await startServer({ cwd, env });
      const rows = await postgres.query(
        `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = '${schemaOf(url)}'`,
      );
      expect(rows).toEqual([{ ssl: false }]);
      await server.stop();
    });

    it('is refused by an authority of the same name with another key', async () => {
      for (const sslmode of ['require', 'verify-ca', 'verify-full'])
        expect(await refusal(await envOf({ ...FULL, sslmode }, { ca: stranger }))).toMatch(
          /issued by no authority that is known here: name the file of its authority in the URL \(sslrootcert=PATH\)/,
        );
    });

    it('is refused where no authority is named, and none that Node knows has issued it', async () => {
      expect(await refusal(await envOf({ sslmode: 'verify-full' }))).toMatch(
        /issued by no authority that is known here/,
      );
    });

    it('is refused where the file of the authority is missing', async () => {
      const missing = { sslmode: 'verify-full', sslrootcert: '/nowhere/ca.pem' };
      expect(await refusal(await envOf(missing))).toMatch(
        /no such file or directory.*nowhere.*: sslrootcert, sslcert and sslkey in the URL name files/,
      );
    });

    describe('for a role that needs a certificate of its own', () => {
      const ROLE = 'certified';
      const clients = createCertificate([], { name: 'Angarium test' });
      const own = createCertificate([], { issuer: clients, name: ROLE, serial: 2 });
      const others = createCertificate([], { issuer: clients, name: 'somebody', serial: 3 });
      const stray = createCertificate([], { issuer: stranger, name: ROLE, serial: 4 });

      beforeAll(() => makeCertifiedRole(postgres, ROLE, clients));

      async function envWith(client: TestCertificate | null) {
        const { cwd, env, url } = await envOf(FULL, { ca: authority });
        await postgres.query(`ALTER SCHEMA ${schemaOf(url)} OWNER TO ${ROLE}`);
        const asRole = new URL(env.ANGARIUM_DATABASE_URL);
        asRole.username = ROLE;
        asRole.password = '';
        if (client !== null) {
          writeFileSync(join(cwd, 'client.pem'), client.cert);
          writeFileSync(join(cwd, 'client.key'), client.key);
          asRole.searchParams.set('sslcert', join(cwd, 'client.pem'));
          asRole.searchParams.set('sslkey', join(cwd, 'client.key'));
        }
        return { cwd, env: { ...env, ANGARIUM_DATABASE_URL: asRole.href }, url };
      }

      it('is shown the one of sslcert and sslkey by all connections', async () => {
        const { cwd, env, url } = await envWith(own);
        const server = await startServer({ cwd, env });
        await server.api.tenant('acme');
        const rows = await postgres.query(
          `SELECT usename, client_dn, count(*) > 1 AS are_several
           FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
           WHERE application_name = '${schemaOf(url)}' GROUP BY usename, client_dn`,
        );
        expect(rows).toEqual([{ usename: ROLE, client_dn: `/CN=${ROLE}`, are_several: true }]);
        await server.stop();
      });

      it.each([
        { what: 'none', client: null, says: /requires a valid client certificate/ },
        { what: 'one that names another role', client: others, says: /authentication failed/ },
        {
          what: 'one of another authority',
          client: stray,
          says: /refuses the certificate of the client \(decrypt error\): name in the URL \(sslcert\)/,
        },
      ])('refuses $what', async ({ client, says }) => {
        expect(await refusal(await envWith(client))).toMatch(says);
      });

      it('is not asked where the file of the key is missing', async () => {
        const { cwd, env, url } = await envWith(own);
        rmSync(join(cwd, 'client.key'));
        expect(await refusal({ cwd, env, url })).toMatch(
          /no such file or directory.*client\.key.*: sslrootcert, sslcert and sslkey in the URL name files/,
        );
      });
    });

    it('is refused where the certificate names another host, but by verify-ca', async () => {
      await switchTlsOn(postgres, elsewhere);
      expect(await refusal(await envOf(FULL, { ca: authority }))).toMatch(
        /IP: 127\.0\.0\.1 is not in the cert's list.*: write in the URL a host that the certificate names/,
      );
      const { cwd, env } = await envOf({ ...FULL, sslmode: 'verify-ca' }, { ca: authority });
      await (await startServer({ cwd, env })).stop();
    });

    it('is refused where the certificate has expired', async () => {
      await switchTlsOn(postgres, expired);
      expect(await refusal(await envOf(FULL, { ca: authority }))).toMatch(
        /certificate has expired: give the server a certificate that is valid now/,
      );
    });
  });
}
