/** API clients. */
import type { ApiClient } from '../../domain/api-client.ts';
import { changeableValues, storedClient } from '../client-row.ts';
import type { ClientRecord, StoredClient } from '../client-storage.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { tenantNo } from './events.ts';
import type { Operation } from './operation.ts';
import { isOneOf, listPage } from './page.ts';
import { RAISE_ROUTING_VERSION } from './routing-version.ts';

const SELECT = `
  SELECT api_clients.*, tenants.id AS tenant_id
  FROM api_clients JOIN tenants ON tenants.no = tenant_no`;

const INSERT = `
  INSERT INTO api_clients (name, client_id, permissions, prefix, hash, previous_prefix, previous_hash,
                           previous_until_ms, sealed_secrets, certificate_expires_ms, revision, updated_ms, expires_ms,
                           revoked_ms, tenant_no, urn, scope, created_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const UPDATE = `
  UPDATE api_clients
  SET name = ?, client_id = ?, permissions = ?, prefix = ?, hash = ?, previous_prefix = ?, previous_hash = ?,
      previous_until_ms = ?, sealed_secrets = ?, certificate_expires_ms = ?, revision = ?, updated_ms = ?,
      expires_ms = ?, revoked_ms = ?
  WHERE no = ? AND revision = ?`;

const RAISE_VERSION = `
  INSERT INTO meta (name, value) VALUES ('clients_version', '1')
  ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)`;

const STOP_DESTINATIONS = `
  UPDATE destinations
  SET disabled_ms = ?, updated_ms = ?, revision = revision + 1, cancel_below_seq = ?
  WHERE tenant_no = ? AND deleted_ms IS NULL AND disabled_ms IS NULL
    AND json_extract(definition, '$.subscription.apiClient') = ?`;

export function clientInsert(context: WriteContext): Operation<Storage['clientInsert']> {
  return ({ client, maxPerTenant, audit }) => {
    const tenant = context.tenant(client.tenantId);
    if (tenant === undefined) return 'unknown_tenant';
    if (isTaken(context, tenant.no, client)) return 'client_id_taken';
    const count = context
      .statement(
        'SELECT count(*) AS count FROM api_clients WHERE tenant_no = ? AND revoked_ms IS NULL',
      )
      .get(tenant.no);
    if (Number(count?.['count']) >= maxPerTenant) return 'too_many';
    const { urn, scope, createdAtMs } = client;
    context.statement(INSERT).run(...changeableValues(client), tenant.no, urn, scope, createdAtMs);
    changed(context, tenant.no, client);
    writeAudit(context, audit);
    return 'inserted';
  };
}

export function clientUpdate(context: WriteContext): Operation<Storage['clientUpdate']> {
  return ({ client, ifRevision, audit }) => {
    const tenant = context.tenant(client.tenantId);
    const row = context
      .statement('SELECT no, revoked_ms FROM api_clients WHERE urn = ?')
      .get(client.urn);
    if (tenant === undefined || row === undefined) return 'unknown';
    if (client.revokedAtMs === null && isTaken(context, tenant.no, client))
      return 'client_id_taken';
    const updated = context
      .statement(UPDATE)
      .run(...changeableValues(client), Number(row['no']), ifRevision);
    if (updated.changes === 0) return 'changed_meanwhile';
    if (client.revokedAtMs !== null && row['revoked_ms'] === null) {
      const atMs = client.revokedAtMs;
      context
        .statement(STOP_DESTINATIONS)
        .run(atMs, atMs, context.nextBoundary(), tenant.no, client.urn);
    }
    changed(context, tenant.no, client);
    writeAudit(context, audit);
    return 'updated';
  };
}

export function clientGet(context: ReadContext): Operation<Storage['clientGet']> {
  return ({ urn }) => {
    const row = context.statement(`${SELECT} WHERE urn = ?`).get(urn);
    return row === undefined ? null : storedClient(row);
  };
}

export function clientList(context: ReadContext): Operation<Storage['clientList']> {
  return ({ tenantIds, page }) =>
    listPage<ClientRecord>(context, {
      select: SELECT,
      conditions: isOneOf(
        'tenant_no',
        tenantIds.map((id) => tenantNo(context, id)),
      ),
      orderBy: ['api_clients.no'],
      page,
      read: (row) => ({ ...storedClient(row), position: [Number(row['no'])] }),
    });
}

export function clientRing(context: ReadContext): Operation<Storage['clientRing']> {
  return () => ({
    version: Number(
      context.statement("SELECT value FROM meta WHERE name = 'clients_version'").get()?.['value'] ??
        0,
    ),
    clients: context
      .statement(`${SELECT} WHERE revoked_ms IS NULL ORDER BY api_clients.no`)
      .all()
      .map((row): ApiClient => {
        const { sealedSecrets: _sealed, ...client } = storedClient(row);
        return client;
      }),
  });
}

/** Those of a tenant that are not revoked: their secrets go out with its deliveries. */
export function tenantClients(context: ReadContext, tenant: number): StoredClient[] {
  return context
    .statement(`${SELECT} WHERE tenant_no = ? AND revoked_ms IS NULL ORDER BY api_clients.no`)
    .all(tenant)
    .map(storedClient);
}

export function deleteTenantClients(context: WriteContext, tenant: number): void {
  context.statement('DELETE FROM api_clients WHERE tenant_no = ?').run(tenant);
  context.statement(RAISE_VERSION).run();
}

function changed(context: WriteContext, tenant: number, { tenantId }: ApiClient): void {
  context.statement(RAISE_VERSION).run();
  context.statement(RAISE_ROUTING_VERSION).run(tenant);
  context.forget(tenantId);
}

function isTaken(context: ReadContext, tenant: number, { clientId, urn }: ApiClient): boolean {
  const sql =
    'SELECT 1 FROM api_clients WHERE tenant_no = ? AND client_id = ? AND revoked_ms IS NULL AND urn <> ?';
  return context.statement(sql).get(tenant, clientId, urn) !== undefined;
}
