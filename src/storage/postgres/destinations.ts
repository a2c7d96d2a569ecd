/** Destinations, and the routing that is made of them. */
import type { DisabledReason } from '../../domain/ending.ts';
import type { Storage, StoredDestination, TenantRouting } from '../storage.ts';
import { writeAudit } from './audit.ts';
import type { Operation } from './operation.ts';
import { bytesOf, numberOrNull, textOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import type { WriteSession } from './write-session.ts';
import { tenantClients } from './clients.ts';
import { raiseRoutingVersion } from './routing-version.ts';
import { tenantDefaults } from './tenants.ts';

const SELECT = `
  SELECT destinations.id, tenants.id AS tenant_id, type, definition, sealed_credentials, revision, disabled_ms,
         disabled_reason, expires_ms, destinations.created_ms, destinations.updated_ms
  FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE deleted_ms IS NULL`;

const SELECT_ROUTING =
  'SELECT no, id, routing_version, settings, sealed_secrets, secrets_revision FROM tenants';
const BY_TENANTS = `${SELECT} AND tenants.id = ANY($1) ORDER BY destinations.no`;
const BY_ID = `${SELECT} AND tenants.id = $1 AND destinations.id = $2`;

const INSERT = `
  INSERT INTO destinations (tenant_no, id, type, definition, sealed_credentials, revision, disabled_ms, created_ms, updated_ms,
                            topics, disabled_reason, expires_ms, api_client)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;

const UPDATE = `
  UPDATE destinations
  SET definition = $1, sealed_credentials = $2, revision = $3, disabled_ms = $4, updated_ms = $5,
      cancel_below_seq = coalesce($6, cancel_below_seq), topics = $10, disabled_reason = $11,
      expiry_warned_days = CASE WHEN expires_ms IS NOT DISTINCT FROM $12::bigint THEN expiry_warned_days END,
      expires_ms = $12, api_client = $13
  WHERE tenant_no = $7 AND no = $8 AND revision = $9`;

// It counts anew from the moment at which it was enabled.
const FORGET_HEALTH = `
  DELETE FROM destination_health
  WHERE tenant_no = $1 AND destination_no =
    (SELECT no FROM destinations WHERE tenant_no = $1 AND no = $2 AND revision = $3 AND disabled_ms IS NOT NULL)`;
const DELETE_HEALTH = 'DELETE FROM destination_health WHERE tenant_no = $1 AND destination_no = $2';

const DELETE = `
  UPDATE destinations
  SET deleted_ms = $1, updated_ms = $1, definition = '{}', topics = '{}', sealed_credentials = '', cancel_below_seq = $2
  WHERE tenant_no = $3 AND no = $4 AND revision = coalesce($5, revision)`;

export const destinationInsert: Operation<Storage['destinationInsert'], WriteSession> = async (
  session,
  { destination, maxPerTenant, audit },
) => {
  const tenant = await session.memory.routes.tenant(session, destination.tenantId);
  if (tenant === undefined) return 'unknown_tenant';
  if (tenant.destinations.has(destination.id)) return 'id_taken';
  if (tenant.destinations.size >= maxPerTenant) return 'too_many';
  await session.run(
    INSERT,
    tenant.no,
    destination.id,
    destination.type,
    definition(destination),
    destination.sealedCredentials,
    destination.revision,
    destination.disabledAtMs,
    destination.createdAtMs,
    destination.updatedAtMs,
    destination.topics,
    destination.disabledReason,
    destination.expiresAtMs,
    destination.subscription?.apiClient ?? null,
  );
  await raiseRoutingVersion(session, tenant.no);
  await writeAudit(session, audit);
  return 'inserted';
};

export const destinationUpdate: Operation<Storage['destinationUpdate'], WriteSession> = async (
  session,
  { destination, ifRevision, cancelPending, audit },
) => {
  const tenant = await session.memory.routes.tenant(session, destination.tenantId);
  const no = tenant?.destinations.get(destination.id);
  if (tenant === undefined || no === undefined) return 'unknown';
  if (destination.disabledAtMs === null)
    await session.run(FORGET_HEALTH, tenant.no, no, ifRevision);
  const updated = await session.run(
    UPDATE,
    definition(destination),
    destination.sealedCredentials,
    destination.revision,
    destination.disabledAtMs,
    destination.updatedAtMs,
    cancelPending ? await session.takeBoundary() : null,
    tenant.no,
    no,
    ifRevision,
    destination.topics,
    destination.disabledReason,
    destination.expiresAtMs,
    destination.subscription?.apiClient ?? null,
  );
  if (updated === 0) return 'changed_meanwhile';
  await raiseRoutingVersion(session, tenant.no);
  await writeAudit(session, audit);
  return 'updated';
};

export const destinationDelete: Operation<Storage['destinationDelete'], WriteSession> = async (
  session,
  { tenantId, id, ifRevision = null, audit },
) => {
  const tenant = await session.memory.routes.tenant(session, tenantId);
  const no = tenant?.destinations.get(id);
  if (tenant === undefined || no === undefined) return 'unknown';
  const nowMs = session.clock.nowMs();
  const seq = await session.takeBoundary();
  const deleted = await session.run(DELETE, nowMs, seq, tenant.no, no, ifRevision);
  if (deleted === 0) return 'changed_meanwhile';
  await session.run(DELETE_HEALTH, tenant.no, no);
  await raiseRoutingVersion(session, tenant.no);
  await writeAudit(session, audit);
  return 'deleted';
};

export const destinationGet: Operation<Storage['destinationGet']> = async (
  session,
  { tenantId, id },
) => {
  const row = await session.row(BY_ID, tenantId, id);
  return row === undefined ? null : storedDestination(row);
};

export const destinationList: Operation<Storage['destinationList']> = async (
  session,
  { tenantId },
) => (await session.rows(BY_TENANTS, [tenantId])).map(storedDestination);

export const routingPage: Operation<Storage['routingPage']> = async (session, { after, limit }) =>
  withDestinations(
    session,
    await session.rows(`${SELECT_ROUTING} WHERE no > $1 ORDER BY no LIMIT $2`, after, limit),
  );

export const routingOf: Operation<Storage['routingOf']> = async (session, { tenantId }) => {
  const rows = await session.rows(`${SELECT_ROUTING} WHERE id = $1`, tenantId);
  return (await withDestinations(session, rows))[0] ?? null;
};

async function withDestinations(
  session: Session,
  tenants: readonly Row[],
): Promise<TenantRouting[]> {
  const ids = tenants.map((row) => String(row['id']));
  const found = (await session.rows(BY_TENANTS, ids)).map(storedDestination);
  const byTenant = Map.groupBy(found, ({ tenantId }) => tenantId);
  const clients = await tenantClients(
    session,
    tenants.map((row) => Number(row['no'])),
  );
  return tenants.map((row) => ({
    tenantId: String(row['id']),
    version: Number(row['routing_version']),
    defaults: tenantDefaults(row, clients.get(Number(row['no'])) ?? []),
    destinations: byTenant.get(String(row['id'])) ?? [],
    position: Number(row['no']),
  }));
}

/** What no query asks for, as one JSON text. */
type Definition = Omit<
  StoredDestination,
  | 'tenantId'
  | 'id'
  | 'type'
  | 'sealedCredentials'
  | 'revision'
  | 'disabledAtMs'
  | 'disabledReason'
  | 'expiresAtMs'
  | 'createdAtMs'
  | 'updatedAtMs'
>;

function definition(destination: StoredDestination): string {
  const { name, profile, format, httpSignature, topics, filter, config } = destination;
  const { deliveryMetadata, metadata, policy, subscription = null } = destination;
  return JSON.stringify({
    name,
    profile,
    format,
    httpSignature,
    topics,
    filter,
    config,
    deliveryMetadata,
    metadata,
    policy,
    ...(subscription === null ? {} : { subscription }),
  } satisfies Definition);
}

function storedDestination(row: Row): StoredDestination {
  return {
    // The column is JSON that this driver has written.
    ...(JSON.parse(String(row['definition'])) as Definition),
    tenantId: String(row['tenant_id']),
    id: String(row['id']),
    type: String(row['type']),
    sealedCredentials: bytesOf(row['sealed_credentials']),
    revision: Number(row['revision']),
    disabledAtMs: numberOrNull(row['disabled_ms']),
    // Written by this driver.
    disabledReason: textOrNull(row['disabled_reason']) as DisabledReason | null,
    expiresAtMs: numberOrNull(row['expires_ms']),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
  };
}
