/** TLS of a PostgreSQL server whose settings a test may change. */
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { until } from './api-until.ts';
import type { TestCertificate } from './certificate.ts';
import type { PostgresServer } from './postgres-server.ts';

let certificates = 0;

/**
 * A role that may come only with a certificate of that authority which names it, and needs no password then. TLS has to be
 * on.
 */
export async function makeCertifiedRole(
  server: PostgresServer,
  role: string,
  authority: TestCertificate,
): Promise<void> {
  const directory = await directoryOf(server);
  const ca = join(directory, 'clients.ca');
  writeOwned(directory, ca, authority.cert);
  const rules = join(directory, 'pg_hba.conf');
  // The first rule that fits counts.
  const line = `hostssl all ${role} 127.0.0.1/32 cert\n`;
  writeOwned(directory, rules, line + readFileSync(rules, 'utf8'));
  await server.query(`CREATE ROLE ${role} LOGIN`);
  await server.query(`ALTER SYSTEM SET ssl_ca_file = '${ca}'`);
  await server.query('SELECT pg_reload_conf()');
  await until('the authority', async () => {
    const [shown] = await server.query("SELECT current_setting('ssl_ca_file') AS value");
    return shown?.['value'] === ca ? true : undefined;
  });
}

/** New connections are answered with that certificate. */
export async function switchTlsOn(
  server: PostgresServer,
  certificate: TestCertificate,
): Promise<void> {
  const directory = await directoryOf(server);
  const name = `test-${++certificates}`;
  for (const [kind, text] of Object.entries({ cert: certificate.cert, key: certificate.key })) {
    const path = join(directory, `${name}.${kind}`);
    writeOwned(directory, path, text);
    await server.query(`ALTER SYSTEM SET ssl_${kind}_file = '${path}'`);
  }
  await server.query('ALTER SYSTEM SET ssl = on');
  await server.query('SELECT pg_reload_conf()');
  // Each connection of the pool hears of it by itself; what is new is answered by the postmaster.
  await until('TLS', async () => {
    const [shown] = await server.query(
      "SELECT current_setting('ssl') || current_setting('ssl_cert_file') AS value",
    );
    return String(shown?.['value']).includes(`on${join(directory, name)}.cert`) ? true : undefined;
  });
}

async function directoryOf(server: PostgresServer): Promise<string> {
  const [row] = await server.query('SHOW data_directory');
  return String(row?.['data_directory']);
}

/** Read by the server alone. */
function writeOwned(directory: string, path: string, text: string): void {
  const { uid, gid } = statSync(directory);
  writeFileSync(path, text);
  chownSync(path, uid, gid);
  chmodSync(path, 0o600);
}
