/** Destinations, and the routing that is made of them. */
import { PROFILE_FORMAT } from '../../domain/format.ts';
import type { DisabledReason } from '../../domain/ending.ts';
import type { Storage, StoredDestination, TenantRouting } from '../storage.ts';
import { writeAudit } from './audit.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { numberOrNull } from './page.ts';
import { RAISE_ROUTING_VERSION } from './routing-version.ts';
import { tenantDefaults } from './tenants.ts';

const SELECT = `
  SELECT destinations.id, tenants.id AS tenant_id, type, definition, sealed_credentials, revision, disabled_ms, disabled_reason, expires_ms,
         destinations.created_ms, destinations.updated_ms
  FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE deleted_ms IS NULL`;

const SELECT_ROUTING =
  'SELECT no, id, routing_version, settings, sealed_secrets, secrets_revision FROM tenants';
const BY_TENANT = `${SELECT} AND tenants.id = ? ORDER BY destinations.no`;
const BY_ID = `${SELECT} AND tenants.id = ? AND destinations.id = ?`;

// It counts anew from the moment at which it was enabled.
const FORGET_HEALTH = `
  DELETE FROM destination_health WHERE destination_no =
    (SELECT no FROM destinations WHERE no = ? AND revision = ? AND disabled_ms IS NOT NULL)`;

export function destinationInsert(context: WriteContext): Operation<Storage['destinationInsert']> {
  return ({ destination, maxPerTenant, audit }) => {
    const tenant = context.tenant(destination.tenantId);
    if (tenant === undefined) return 'unknown_tenant';
    if (tenant.destinations.has(destination.id)) return 'id_taken';
    if (tenant.destinations.size >= maxPerTenant) return 'too_many';
    context
      .statement(
        `INSERT INTO destinations (tenant_no, id, type, definition, sealed_credentials, revision, disabled_ms, disabled_reason, expires_ms, created_ms, updated_ms, api_client)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        tenant.no,
        destination.id,
        destination.type,
        definition(destination),
        destination.sealedCredentials,
        destination.revision,
        destination.disabledAtMs,
        destination.disabledReason,
        destination.expiresAtMs,
        destination.createdAtMs,
        destination.updatedAtMs,
        destination.subscription?.apiClient ?? null,
      );
    context.statement(RAISE_ROUTING_VERSION).run(tenant.no);
    context.forget(destination.tenantId);
    writeAudit(context, audit);
    return 'inserted';
  };
}

export function destinationUpdate(context: WriteContext): Operation<Storage['destinationUpdate']> {
  return ({ destination, ifRevision, cancelPending, audit }) => {
    const tenant = context.tenant(destination.tenantId);
    const no = tenant?.destinations.get(destination.id);
    if (tenant === undefined || no === undefined) return 'unknown';
    const isEnabled = destination.disabledAtMs === null;
    if (isEnabled) context.statement(FORGET_HEALTH).run(no, ifRevision);
    const updated = context
      .statement(
        `UPDATE destinations
         SET definition = ?, sealed_credentials = ?, revision = ?, disabled_ms = ?, disabled_reason = ?, updated_ms = ?,
             expiry_warned_days = CASE WHEN expires_ms IS ? THEN expiry_warned_days END, expires_ms = ?,
             cancel_below_seq = ifnull(?, cancel_below_seq), api_client = ?
         WHERE no = ? AND revision = ?`,
      )
      .run(
        definition(destination),
        destination.sealedCredentials,
        destination.revision,
        destination.disabledAtMs,
        destination.disabledReason,
        destination.updatedAtMs,
        destination.expiresAtMs,
        destination.expiresAtMs,
        cancelPending ? context.nextBoundary() : null,
        destination.subscription?.apiClient ?? null,
        no,
        ifRevision,
      );
    if (updated.changes === 0) return 'changed_meanwhile';
    context.statement(RAISE_ROUTING_VERSION).run(tenant.no);
    context.forget(destination.tenantId);
    writeAudit(context, audit);
    return 'updated';
  };
}

export function destinationDelete(context: WriteContext): Operation<Storage['destinationDelete']> {
  return ({ tenantId, id, ifRevision = null, audit }) => {
    const tenant = context.tenant(tenantId);
    const no = tenant?.destinations.get(id);
    if (tenant === undefined || no === undefined) return 'unknown';
    const nowMs = context.clock.nowMs();
    const deleted = context
      .statement(
        `UPDATE destinations
         SET deleted_ms = ?, updated_ms = ?, definition = '{}', sealed_credentials = x'', cancel_below_seq = ?
         WHERE no = ? AND revision = ifnull(?, revision)`,
      )
      .run(nowMs, nowMs, context.nextBoundary(), no, ifRevision);
    if (deleted.changes === 0) return 'changed_meanwhile';
    context.statement('DELETE FROM destination_health WHERE destination_no = ?').run(no);
    context.statement(RAISE_ROUTING_VERSION).run(tenant.no);
    context.forget(tenantId);
    writeAudit(context, audit);
    return 'deleted';
  };
}

export function destinationGet(context: ReadContext): Operation<Storage['destinationGet']> {
  return ({ tenantId, id }) => {
    const row = context.statement(BY_ID).get(tenantId, id);
    return row === undefined ? null : storedDestination(row);
  };
}

export function destinationList(context: ReadContext): Operation<Storage['destinationList']> {
  return ({ tenantId }) => context.statement(BY_TENANT).all(tenantId).map(storedDestination);
}

export function routingPage(context: ReadContext): Operation<Storage['routingPage']> {
  return ({ after, limit }) =>
    context
      .statement(`${SELECT_ROUTING} WHERE no > ? ORDER BY no LIMIT ?`)
      .all(after, limit)
      .map((row) => tenantRouting(context, row));
}

export function routingOf(context: ReadContext): Operation<Storage['routingOf']> {
  return ({ tenantId }) => {
    const row = context.statement(`${SELECT_ROUTING} WHERE id = ?`).get(tenantId);
    return row === undefined ? null : tenantRouting(context, row);
  };
}

function tenantRouting(context: ReadContext, row: Row): TenantRouting {
  const tenantId = String(row['id']);
  return {
    tenantId,
    version: Number(row['routing_version']),
    defaults: tenantDefaults(context, row),
    destinations: context.statement(BY_TENANT).all(tenantId).map(storedDestination),
    position: Number(row['no']),
  };
}

type Row = Record<string, unknown>;

/** What no query asks for, as one JSON text. */
type Definition = Pick<
  StoredDestination,
  | 'name'
  | 'profile'
  | 'format'
  | 'httpSignature'
  | 'topics'
  | 'filter'
  | 'config'
  | 'deliveryMetadata'
  | 'metadata'
  | 'policy'
  | 'subscription'
>;

/** What definitions lack that were written before these were there. */
const LATER = {
  format: PROFILE_FORMAT,
  httpSignature: null,
  filter: null,
} satisfies Partial<Definition>;

function definition(destination: StoredDestination): string {
  const { name, profile, format, httpSignature, topics, filter, config } = destination;
  const { deliveryMetadata, metadata, policy } = destination;
  const { subscription = null } = destination;
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
    ...LATER,
    ...(JSON.parse(String(row['definition'])) as Definition),
    tenantId: String(row['tenant_id']),
    id: String(row['id']),
    type: String(row['type']),
    sealedCredentials:
      row['sealed_credentials'] instanceof Uint8Array
        ? row['sealed_credentials']
        : new Uint8Array(),
    revision: Number(row['revision']),
    disabledAtMs: numberOrNull(row['disabled_ms']),
    // Written by this driver.
    disabledReason: row['disabled_reason'] as DisabledReason | null,
    expiresAtMs: numberOrNull(row['expires_ms']),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
  };
}
