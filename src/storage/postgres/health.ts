/** How destinations have fared, and which of them come to their end. */
import type { Health } from '../../domain/health.ts';
import type { NodeStorage } from '../node-storage.ts';
import type { Storage } from '../storage.ts';
import { about, byTenant } from './by-tenant.ts';
import { numberOrNull } from './page.ts';
import type { Operation } from './operation.ts';
import { noteTold } from './untold.ts';
import type { WriteSession } from './write-session.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

// Only where it is still the destination that was meant, and not another one of its id.
const putSql = (one: string) => `
  INSERT INTO destination_health (tenant_no, destination_no, health)
  SELECT tenant_no, no, wanted.health
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS wanted (tenant, destination, created, health)
  JOIN destinations ON tenant_no = tenant AND no = destination AND created_ms = created ${one}
  ON CONFLICT (tenant_no, destination_no) DO UPDATE SET health = excluded.health`;
const PUT = putSql('');
const PUT_OF_ONE = putSql('AND destinations.tenant_no = $5');

const LIST = `
  SELECT destination_no, health, destinations.id AS id, tenants.id AS tenant_id, destinations.created_ms AS created_ms
  FROM destination_health
  JOIN destinations ON destinations.tenant_no = destination_health.tenant_no AND destinations.no = destination_no
  JOIN tenants ON tenants.no = destination_health.tenant_no
  WHERE destination_no > $1 ORDER BY destination_no LIMIT $2`;

const OF_TENANT = `
  SELECT destinations.id AS id, destinations.created_ms AS created_ms, health
  FROM tenants
  JOIN destinations ON destinations.tenant_no = tenants.no
  JOIN destination_health ON destination_health.tenant_no = tenants.no AND destination_no = destinations.no
  WHERE tenants.id = $1 AND deleted_ms IS NULL AND ($2::text[] IS NULL OR destinations.id = ANY ($2))`;

const ENDING = `
  SELECT destinations.id AS id, tenants.id AS tenant_id, expires_ms
  FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE expires_ms IS NOT NULL AND disabled_ms IS NULL AND deleted_ms IS NULL AND expires_ms <= $1
    AND (expires_ms <= $2 OR expiry_warned_days IS NULL OR (expiry_warned_days > 1 AND expires_ms <= $3))
  ORDER BY expires_ms LIMIT $4`;

const NEXT = `
  SELECT min(expires_ms) AS next FROM destinations
  WHERE expires_ms IS NOT NULL AND disabled_ms IS NULL AND deleted_ms IS NULL AND expires_ms > $1`;

const WARNED = `
  UPDATE destinations SET expiry_warned_days = $1 WHERE tenant_no = $2 AND no = $3 AND expires_ms = $4`;

export const healthPut: Operation<Storage['healthPut'], WriteSession> = async (
  session,
  { entries, toldUpToMs },
) => {
  if (toldUpToMs !== undefined) await noteTold(session, toldUpToMs);
  if (entries.length === 0) return;
  const tenantIds = [...new Set(entries.map(({ tenantId }) => tenantId))];
  const tenants = await session.memory.routes.tenants(session, tenantIds);
  const found = new Map<
    number,
    { no: number; tenantNo: number; createdAtMs: number; health: Health }
  >();
  for (const { tenantId, destinationId, createdAtMs, health } of entries) {
    const tenant = tenants.get(tenantId);
    const no = tenant?.destinations.get(destinationId);
    // The last one said of a destination holds.
    if (tenant !== undefined && no !== undefined)
      found.set(no, { no, tenantNo: tenant.no, createdAtMs, health });
  }
  for (const rows of byTenant(session, [...found.values()], ({ tenantNo }) => tenantNo)) {
    const tenantNos = rows.map(({ tenantNo }) => tenantNo);
    const values = [
      tenantNos,
      rows.map(({ no }) => no),
      rows.map(({ createdAtMs }) => createdAtMs),
      rows.map(({ health }) => JSON.stringify(health)),
    ];
    await session.run(...about(session, [PUT, PUT_OF_ONE], tenantNos[0], ...values));
  }
};

export const healthPage: Operation<Storage['healthPage']> = async (session, { after, limit }) =>
  (await session.rows(LIST, after, limit)).map((row) => ({
    tenantId: String(row['tenant_id']),
    destinationId: String(row['id']),
    createdAtMs: Number(row['created_ms']),
    // JSON that this driver has written.
    health: JSON.parse(String(row['health'])) as Health,
    position: Number(row['destination_no']),
  }));

export const healthOf: Operation<NodeStorage['healthOf']> = async (
  session,
  { tenantId, destinationIds },
) =>
  (await session.rows(OF_TENANT, tenantId, destinationIds)).map((row) => ({
    tenantId,
    destinationId: String(row['id']),
    createdAtMs: Number(row['created_ms']),
    // JSON that this driver has written.
    health: JSON.parse(String(row['health'])) as Health,
  }));

export const destinationsEnding: Operation<Storage['destinationsEnding']> = async (
  session,
  { nowMs, limit },
) => {
  const rows = await session.rows(ENDING, nowMs + 7 * DAY_MS, nowMs, nowMs + DAY_MS, limit);
  return {
    ending: rows.map((row) => ({
      tenantId: String(row['tenant_id']),
      id: String(row['id']),
      expiresAtMs: Number(row['expires_ms']),
    })),
    nextAtMs: numberOrNull((await session.row(NEXT, nowMs))?.['next']),
  };
};

export const expiryWarned: Operation<Storage['expiryWarned'], WriteSession> = async (
  session,
  { tenantId, id, expiresAtMs, days },
) => {
  const tenant = await session.memory.routes.tenant(session, tenantId);
  const no = tenant?.destinations.get(id);
  if (tenant === undefined || no === undefined) return;
  await session.run(WARNED, days, tenant.no, no, expiresAtMs);
};
