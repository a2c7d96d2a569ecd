/** The ways to an application's database: TLS, and a pooler in transaction mode. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { OutboxPlace } from '../../src/domain/outbox.ts';
import { installOutbox, uninstallOutbox } from '../../src/outbox/install.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { EventView, ListView } from '../support/api-views.ts';
import { createCertificate } from '../support/certificate.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { startApplication } from '../support/outbox-application.ts';
import { startRelay } from '../support/outbox-relay.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { switchTlsOn } from '../support/postgres-tls.ts';

const isOwn = process.env['ANGARIUM_TEST_DATABASE_URL'] === undefined;
const reason = await whyNoPostgres();
if (reason !== null) describe('the outbox', () => it.skip(reason));
// It changes the server's settings.
else if (!isOwn) describe('the outbox', () => it.skip('needs a server of its own'));
else describeConnections();

function describeConnections() {
  const api = useApi();
  const server = usePostgresServer();

  async function dataDirectory(): Promise<string> {
    const rows = await server.query('SHOW data_directory');
    return String(rows[0]?.['data_directory']);
  }

  async function arrives(tenant: string, place: OutboxPlace): Promise<void> {
    await server.query(
      `SELECT ${place.schema}.angarium_publish('${tenant}', 'a', '{}', id => 'it')`,
    );
    await until('the event', async () => {
      const { body } = await api().get<ListView<EventView>>(`/v1/events?tenant_id=${tenant}`);
      return body.models.find(({ id }) => id === 'it');
    });
  }

  it('verifies the server by the authority that the URL names, and by no other', async () => {
    const certificate = createCertificate(['127.0.0.1']);
    await switchTlsOn(server, certificate);
    const authority = join(temporaryFolder(), 'authority.pem');
    writeFileSync(authority, certificate.cert);

    const tenant = await api().tenant();
    const { place } = await startApplication(server);
    const url = `${place.url}?sslmode=verify-full`;
    const other = startRelay(api(), { ...place, url });
    await until('a refusal', () => other.said[0]);
    expect(other.said[0]).toMatch(
      /issued by no authority that is known here: name the file of its authority/,
    );
    await other.stop();

    startRelay(api(), { ...place, url: `${url}&sslrootcert=${authority}` });
    await arrives(tenant, place);
    const rows = await server.query(
      `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'angarium-outbox'`,
    );
    expect(rows).toEqual([{ ssl: true }]);
  });

  const program = findPgbouncer();
  it.skipIf(program === undefined)('works through PgBouncer in transaction mode', async () => {
    const tenant = await api().tenant();
    const { place } = await startApplication(server, { install: false });
    const pgbouncer = await startPgbouncer({
      program: program ?? '',
      serverUrl: server.url,
      owner: statSync(await dataDirectory()),
    });
    onTestFinished(() => pgbouncer.stop());
    const pooled = { ...place, url: pgbouncer.url() };
    await installOutbox(pooled, true);
    const relays = [startRelay(api(), pooled), startRelay(api(), pooled)];
    await arrives(tenant, place);
    for (const relay of relays) {
      expect(relay.said).toEqual([]);
      await relay.stop();
    }
    expect(await uninstallOutbox(pooled, true)).toBe(true);
  });
}
