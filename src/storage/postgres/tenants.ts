/** Tenants. */
import { tenantAudit } from '../../domain/audit.ts';
import type { AuditSnapshot } from '../../domain/audit.ts';
import type { TenantSettings, TenantSettingsChange } from '../../domain/tenant.ts';
import type { StoredClient } from '../client-storage.ts';
import type { Storage, StringMap, TenantDefaults, TenantRecord } from '../storage.ts';
import { writeAudit } from './audit.ts';
import { deleteTenantClients, tenantClients } from './clients.ts';
import type { Operation } from './operation.ts';
import { isOneOf, listPage } from './page.ts';
import { endRouting, raiseRoutingVersion } from './routing-version.ts';
import type { Row, Session } from './session.ts';
import type { WriteSession } from './write-session.ts';

const SELECT = `
  SELECT no, id, metadata, settings, created_ms, updated_ms,
         (SELECT count(*) FROM destinations WHERE tenant_no = tenants.no AND deleted_ms IS NULL) AS destinations,
         ARRAY(SELECT DISTINCT topic
               FROM destinations, unnest(destinations.topics) AS topic
               WHERE tenant_no = tenants.no AND deleted_ms IS NULL) AS topics
  FROM tenants`;

const INSERT = `
  INSERT INTO tenants (id, metadata, settings, routing_version, created_ms, updated_ms)
  VALUES ($1, $2, $3, $4, $5, $5)`;
const UPDATE = 'UPDATE tenants SET metadata = $1, settings = $2, updated_ms = $3 WHERE no = $4';

const PUT_SECRETS = `
  UPDATE tenants SET sealed_secrets = $1, secrets_revision = secrets_revision + 1, updated_ms = $2
  WHERE no = $3 AND secrets_revision = $4`;

const DELETE_DESTINATIONS = `
  UPDATE destinations
  SET deleted_ms = $1, updated_ms = $1, definition = '{}', topics = '{}', sealed_credentials = '', cancel_below_seq = $2
  WHERE tenant_no = $3 AND deleted_ms IS NULL`;

/** By `tenantEraseSlice`. */
const BEGIN_DELETION =
  'INSERT INTO deletions (tenant_no, tenant_id, started_ms) VALUES ($1, $2, $3)';
/** By `rollUpPruneSlice`. */
const ERASE_COUNTS = 'INSERT INTO rollup_erasures (tenant_no, from_s) VALUES ($1, 0)';

export const tenantUpsert: Operation<Storage['tenantUpsert'], WriteSession> = async (
  session,
  { id, metadata, settings = {}, author = null },
) => {
  const nowMs = session.clock.nowMs();
  const told = author === null ? null : await snapshotOf(session, id);
  const text = JSON.stringify(metadata);
  const before = await session.row('SELECT no, settings FROM tenants WHERE id = $1', id);
  const created = before === undefined;
  if (created) {
    // Not 1: the routing of a deleted tenant must not pass for that of one made anew under its id.
    const version = await session.takeSeqs(1);
    await session.run(INSERT, id, text, mergedSettings('{}', settings), version, nowMs);
  } else {
    const no = Number(before['no']);
    const merged = mergedSettings(String(before['settings']), settings);
    await session.run(UPDATE, text, merged, nowMs, no);
    if (merged !== before['settings']) await raiseRoutingVersion(session, no);
  }
  if (author !== null)
    await writeAudit(session, tenantAudit(author, id, told, await snapshotOf(session, id)));
  const tenant = await tenantGet(session, { id });
  if (tenant === null) throw new Error(`tenant ${id} is not there after it was written`);
  return { created, tenant };
};

export const tenantGet: Operation<Storage['tenantGet']> = async (session, { id }) => {
  const row = await session.row(`${SELECT} WHERE id = $1`, id);
  return row === undefined ? null : tenantRecord(row);
};

export const tenantList: Operation<Storage['tenantList']> = async (
  session,
  { ids, hidden = '', page },
) => {
  const count = await session.row(
    'SELECT count(*) AS count FROM tenants WHERE (cardinality($1::text[]) = 0 OR id = ANY($1)) AND id <> $2',
    ids,
    hidden,
  );
  const found = await listPage(session, {
    select: SELECT,
    conditions: [
      ...isOneOf('id', ids),
      ...(hidden === '' ? [] : [{ sql: 'id <> ?', values: [hidden] }]),
    ],
    orderBy: ['no'],
    page,
    read: tenantRecord,
  });
  return { ...found, count: Number(count?.['count']) };
};

export const tenantDefaultsGet: Operation<Storage['tenantDefaultsGet']> = async (
  session,
  { id },
) => {
  const row = await session.row(
    'SELECT no, settings, sealed_secrets, secrets_revision FROM tenants WHERE id = $1',
    id,
  );
  if (row === undefined) return null;
  const no = Number(row['no']);
  return tenantDefaults(row, (await tenantClients(session, [no])).get(no) ?? []);
};

export const tenantSecretsPut: Operation<Storage['tenantSecretsPut'], WriteSession> = async (
  session,
  { id, sealed, ifRevision, audit },
) => {
  const tenant = await session.memory.routes.tenant(session, id);
  if (tenant === undefined) return 'unknown';
  const nowMs = session.clock.nowMs();
  const updated = await session.run(PUT_SECRETS, sealed, nowMs, tenant.no, ifRevision);
  if (updated === 0) return 'changed_meanwhile';
  await raiseRoutingVersion(session, tenant.no);
  await writeAudit(session, audit);
  return 'updated';
};

export const tenantDelete: Operation<Storage['tenantDelete'], WriteSession> = async (
  session,
  { id, author = null },
) => {
  const tenant = await session.memory.routes.tenant(session, id);
  if (tenant === undefined) return false;
  if (author !== null)
    await writeAudit(session, tenantAudit(author, id, await snapshotOf(session, id), null));
  const nowMs = session.clock.nowMs();
  await session.run(DELETE_DESTINATIONS, nowMs, await session.takeBoundary(), tenant.no);
  await session.run('DELETE FROM destination_health WHERE tenant_no = $1', tenant.no);
  await session.run('DELETE FROM lanes WHERE tenant_no = $1', tenant.no);
  await session.run('DELETE FROM mails WHERE tenant_id = $1', id);
  await session.run('DELETE FROM mail_refusals WHERE tenant_id = $1', id);
  await deleteTenantClients(session, tenant.no);
  await session.run('DELETE FROM tenants WHERE no = $1', tenant.no);
  await session.run(ERASE_COUNTS, tenant.no);
  await session.run(BEGIN_DELETION, tenant.no, id, nowMs);
  await endRouting(session, tenant.no, id);
  return true;
};

/** Of a row with the columns `settings`, `sealed_secrets` and `secrets_revision`. */
export function tenantDefaults(row: Row, clients: readonly StoredClient[]): TenantDefaults {
  const sealed = row['sealed_secrets'];
  return {
    settings: JSON.parse(String(row['settings'])) as TenantSettings,
    secrets: {
      sealed: sealed instanceof Uint8Array ? sealed : null,
      revision: Number(row['secrets_revision']),
    },
    clients,
  };
}

function mergedSettings(before: string, change: TenantSettingsChange): string {
  const all = Object.entries({ ...(JSON.parse(before) as TenantSettings), ...change });
  return JSON.stringify(Object.fromEntries(all.filter(([, value]) => value !== null)));
}

/** What the audit log tells of a tenant; `null` where there is none. */
async function snapshotOf(session: Session, id: string): Promise<AuditSnapshot | null> {
  const row = await session.row('SELECT metadata, settings FROM tenants WHERE id = $1', id);
  if (row === undefined) return null;
  // Both columns are JSON that this driver has written.
  const settings = JSON.parse(String(row['settings'])) as TenantSettings;
  return { metadata: JSON.parse(String(row['metadata'])) as StringMap, ...settings };
}

function tenantRecord(row: Row): TenantRecord {
  // An array of text, and two columns of JSON that this driver has written.
  const topics = row['topics'] as string[];
  return {
    id: String(row['id']),
    metadata: JSON.parse(String(row['metadata'])) as StringMap,
    settings: JSON.parse(String(row['settings'])) as TenantSettings,
    destinationsCount: Number(row['destinations']),
    topics: topics.toSorted(),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
    position: [Number(row['no'])],
  };
}
