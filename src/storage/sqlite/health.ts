/** How destinations have fared, and which of them come to their end. */
import type { Health } from '../../domain/health.ts';
import type { Storage } from '../storage.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { numberOrNull } from './page.ts';
import type { Operation } from './operation.ts';
import { noteTold } from './untold.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

// Only where it is still the destination that was meant, and not another one of its id.
const PUT = `
  INSERT INTO destination_health (destination_no, health)
  SELECT no, ? FROM destinations WHERE no = ? AND created_ms = ?
  ON CONFLICT (destination_no) DO UPDATE SET health = excluded.health`;

const LIST = `
  SELECT destination_no, health, destinations.id AS id, tenants.id AS tenant_id, destinations.created_ms AS created_ms
  FROM destination_health
  JOIN destinations ON destinations.no = destination_no
  JOIN tenants ON tenants.no = tenant_no
  WHERE destination_no > ? ORDER BY destination_no LIMIT ?`;

const ENDING = `
  SELECT destinations.id AS id, tenants.id AS tenant_id, expires_ms
  FROM destinations INDEXED BY destinations_expiring JOIN tenants ON tenants.no = tenant_no
  WHERE expires_ms IS NOT NULL AND disabled_ms IS NULL AND deleted_ms IS NULL AND expires_ms <= ?
    AND (expires_ms <= ? OR expiry_warned_days IS NULL OR (expiry_warned_days > 1 AND expires_ms <= ?))
  ORDER BY expires_ms LIMIT ?`;

const NEXT = `
  SELECT min(expires_ms) AS next FROM destinations INDEXED BY destinations_expiring
  WHERE expires_ms IS NOT NULL AND disabled_ms IS NULL AND deleted_ms IS NULL AND expires_ms > ?`;

const WARNED = `
  UPDATE destinations SET expiry_warned_days = ? WHERE no = ? AND expires_ms = ?`;

export function healthPut(context: WriteContext): Operation<Storage['healthPut']> {
  const put = context.statement(PUT);
  return ({ entries, toldUpToMs }) => {
    noteTold(context, toldUpToMs);
    for (const { tenantId, destinationId, createdAtMs, health } of entries) {
      const no = context.tenant(tenantId)?.destinations.get(destinationId);
      if (no !== undefined) put.run(JSON.stringify(health), no, createdAtMs);
    }
  };
}

export function healthPage(context: ReadContext): Operation<Storage['healthPage']> {
  return ({ after, limit }) =>
    context
      .statement(LIST)
      .all(after, limit)
      .map((row) => ({
        tenantId: String(row['tenant_id']),
        destinationId: String(row['id']),
        createdAtMs: Number(row['created_ms']),
        // JSON that this driver has written.
        health: JSON.parse(String(row['health'])) as Health,
        position: Number(row['destination_no']),
      }));
}

export function destinationsEnding(context: ReadContext): Operation<Storage['destinationsEnding']> {
  return ({ nowMs, limit }) => {
    const rows = context.statement(ENDING).all(nowMs + 7 * DAY_MS, nowMs, nowMs + DAY_MS, limit);
    return {
      ending: rows.map((row) => ({
        tenantId: String(row['tenant_id']),
        id: String(row['id']),
        expiresAtMs: Number(row['expires_ms']),
      })),
      nextAtMs: numberOrNull(context.statement(NEXT).get(nowMs)?.['next']),
    };
  };
}

export function expiryWarned(context: WriteContext): Operation<Storage['expiryWarned']> {
  return ({ tenantId, id, expiresAtMs, days }) => {
    const no = context.tenant(tenantId)?.destinations.get(id);
    if (no !== undefined) context.statement(WARNED).run(days, no, expiresAtMs);
  };
}
