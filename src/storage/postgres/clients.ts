/** API clients. */
import type { ApiClient } from '../../domain/api-client.ts';
import { changeableValues, storedClient } from '../client-row.ts';
import type { ClientRecord, StoredClient } from '../client-storage.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import { tenantNos } from './events.ts';
import type { Operation } from './operation.ts';
import { isOneOf, listPage } from './page.ts';
import { raiseRoutingVersion } from './routing-version.ts';
import type { Session } from './session.ts';
import type { WriteSession } from './write-session.ts';

const SELECT = `
  SELECT api_clients.*, tenants.id AS tenant_id
  FROM api_clients JOIN tenants ON tenants.no = tenant_no`;

const INSERT = `
  INSERT INTO api_clients (name, client_id, permissions, prefix, hash, previous_prefix, previous_hash,
                           previous_until_ms, sealed_secrets, certificate_expires_ms, revision, updated_ms, expires_ms,
                           revoked_ms, tenant_no, urn, scope, created_ms)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`;

const UPDATE = `
  UPDATE api_clients
  SET name = $1, client_id = $2, permissions = $3, prefix = $4, hash = $5, previous_prefix = $6, previous_hash = $7,
      previous_until_ms = $8, sealed_secrets = $9, certificate_expires_ms = $10, revision = $11, updated_ms = $12,
      expires_ms = $13, revoked_ms = $14
  WHERE tenant_no = $15 AND no = $16 AND revision = $17`;

const COUNT = `
  SELECT count(*) AS count FROM api_clients WHERE tenant_no = $1 AND revoked_ms IS NULL`;
const IS_TAKEN = `
  SELECT 1 FROM api_clients WHERE tenant_no = $1 AND client_id = $2 AND revoked_ms IS NULL AND urn <> $3`;

const RAISE_VERSION = `
  INSERT INTO meta (name, value) VALUES ('clients_version', '1')
  ON CONFLICT (name) DO UPDATE SET value = (meta.value::bigint + 1)::text`;
const VERSION = "SELECT value FROM meta WHERE name = 'clients_version'";

const STOP_DESTINATIONS = `
  UPDATE destinations
  SET disabled_ms = $1, updated_ms = $1, revision = revision + 1, cancel_below_seq = $2
  WHERE tenant_no = $3 AND deleted_ms IS NULL AND disabled_ms IS NULL AND api_client = $4`;

export const clientInsert: Operation<Storage['clientInsert'], WriteSession> = async (
  session,
  { client, maxPerTenant, audit },
) => {
  const tenant = await session.memory.routes.tenant(session, client.tenantId);
  if (tenant === undefined) return 'unknown_tenant';
  if (await isTaken(session, tenant.no, client)) return 'client_id_taken';
  const count = await session.row(COUNT, tenant.no);
  if (Number(count?.['count']) >= maxPerTenant) return 'too_many';
  const { urn, scope, createdAtMs } = client;
  await session.run(INSERT, ...changeableValues(client), tenant.no, urn, scope, createdAtMs);
  await raiseVersions(session, tenant.no);
  await writeAudit(session, audit);
  return 'inserted';
};

export const clientUpdate: Operation<Storage['clientUpdate'], WriteSession> = async (
  session,
  { client, ifRevision, audit },
) => {
  const tenant = await session.memory.routes.tenant(session, client.tenantId);
  const row = await session.row(
    'SELECT no, revoked_ms FROM api_clients WHERE urn = $1',
    client.urn,
  );
  if (tenant === undefined || row === undefined) return 'unknown';
  if (client.revokedAtMs === null && (await isTaken(session, tenant.no, client)))
    return 'client_id_taken';
  const key = [tenant.no, Number(row['no']), ifRevision] as const;
  const updated = await session.run(UPDATE, ...changeableValues(client), ...key);
  if (updated === 0) return 'changed_meanwhile';
  if (client.revokedAtMs !== null && row['revoked_ms'] === null) {
    const seq = await session.takeBoundary();
    await session.run(STOP_DESTINATIONS, client.revokedAtMs, seq, tenant.no, client.urn);
  }
  await raiseVersions(session, tenant.no);
  await writeAudit(session, audit);
  return 'updated';
};

export const clientGet: Operation<Storage['clientGet']> = async (session, { urn }) => {
  const row = await session.row(`${SELECT} WHERE urn = $1`, urn);
  return row === undefined ? null : storedClient(row);
};

export const clientList: Operation<Storage['clientList']> = async (session, { tenantIds, page }) =>
  listPage<ClientRecord>(session, {
    select: SELECT,
    conditions: isOneOf('tenant_no', await tenantNos(session, tenantIds)),
    orderBy: ['api_clients.no'],
    page,
    read: (row) => ({ ...storedClient(row), position: [Number(row['no'])] }),
  });

export async function clientRing(
  session: Session,
): Promise<{ version: number; clients: ApiClient[] }> {
  const version = Number((await session.row(VERSION))?.['value'] ?? 0);
  const rows = await session.rows(`${SELECT} WHERE revoked_ms IS NULL ORDER BY api_clients.no`);
  return {
    version,
    clients: rows.map((row): ApiClient => {
      const { sealedSecrets: _sealed, ...client } = storedClient(row);
      return client;
    }),
  };
}

/** Those that are not revoked, by the tenant's number: their secrets go out with its deliveries. */
export async function tenantClients(
  session: Session,
  tenants: readonly number[],
): Promise<Map<number, StoredClient[]>> {
  const rows = await session.rows(
    `${SELECT} WHERE tenant_no = ANY($1) AND revoked_ms IS NULL ORDER BY api_clients.no`,
    tenants,
  );
  const found = new Map<number, StoredClient[]>();
  for (const [no, those] of Map.groupBy(rows, (row) => Number(row['tenant_no'])))
    found.set(no, those.map(storedClient));
  return found;
}

export async function deleteTenantClients(session: WriteSession, tenant: number): Promise<void> {
  await session.run('DELETE FROM api_clients WHERE tenant_no = $1', tenant);
  await session.run(RAISE_VERSION);
}

async function raiseVersions(session: WriteSession, tenant: number): Promise<void> {
  await session.run(RAISE_VERSION);
  await raiseRoutingVersion(session, tenant);
}

async function isTaken(
  session: Session,
  tenant: number,
  { clientId, urn }: ApiClient,
): Promise<boolean> {
  return (await session.row(IS_TAKEN, tenant, clientId, urn)) !== undefined;
}
