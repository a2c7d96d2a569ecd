/** TLS of a PostgreSQL server whose settings a test may change. */
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { until } from './api-until.ts';
import type { TestCertificate } from './certificate.ts';
import type { PostgresServer } from './postgres-server.ts';

let certificates = 0;

/** New connections are answered with that certificate. */
export async function switchTlsOn(
  server: PostgresServer,
  certificate: TestCertificate,
): Promise<void> {
  const [row] = await server.query('SHOW data_directory');
  const directory = String(row?.['data_directory']);
  const { uid, gid } = statSync(directory);
  const name = `test-${++certificates}`;
  for (const [kind, text] of Object.entries({ cert: certificate.cert, key: certificate.key })) {
    const path = join(directory, `${name}.${kind}`);
    writeFileSync(path, text);
    chownSync(path, uid, gid);
    chmodSync(path, 0o600);
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
