/** Keys of the operator. */
import type { KeyScope } from '../../domain/caller.ts';
import type { KeyRecord } from '../key-storage.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import type { Operation } from './operation.ts';
import { bytesOf, listPage, numberOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import type { WriteSession } from './write-session.ts';

const SELECT = `
  SELECT no, id, name, scope, prefix, hash, revision, created_ms, expires_ms, last_used_ms, revoked_ms
  FROM api_keys`;

const INSERT = `
  INSERT INTO api_keys (id, name, scope, prefix, hash, revision, created_ms, expires_ms, last_used_ms, revoked_ms)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;

const UPDATE = `
  UPDATE api_keys SET name = $1, expires_ms = $2, revoked_ms = $3, revision = $4 WHERE id = $5 AND revision = $6`;

const USED = `
  UPDATE api_keys SET last_used_ms = greatest(last_used_ms, at_ms)
  FROM (SELECT used_id, max(at_ms) AS at_ms FROM unnest($1::text[], $2::bigint[]) AS used (used_id, at_ms) GROUP BY used_id)
    AS uses
  WHERE id = used_id`;

const RAISE_VERSION = `
  INSERT INTO meta (name, value) VALUES ('keys_version', '1')
  ON CONFLICT (name) DO UPDATE SET value = (meta.value::bigint + 1)::text`;

const VERSION = "SELECT value FROM meta WHERE name = 'keys_version'";

export const keyInsert: Operation<Storage['keyInsert'], WriteSession> = async (
  session,
  { key, audit },
) => {
  await session.run(
    INSERT,
    key.id,
    key.name,
    key.scope,
    key.prefix,
    key.hash,
    key.revision,
    key.createdAtMs,
    key.expiresAtMs,
    key.lastUsedAtMs,
    key.revokedAtMs,
  );
  await session.run(RAISE_VERSION);
  await writeAudit(session, audit);
};

export const keyUpdate: Operation<Storage['keyUpdate'], WriteSession> = async (
  session,
  { key, ifRevision, audit },
) => {
  const { name, expiresAtMs, revokedAtMs, revision, id } = key;
  const updated = await session.run(
    UPDATE,
    name,
    expiresAtMs,
    revokedAtMs,
    revision,
    id,
    ifRevision,
  );
  if (updated === 0) {
    const known = await session.row('SELECT 1 FROM api_keys WHERE id = $1', id);
    return known === undefined ? 'unknown' : 'changed_meanwhile';
  }
  await session.run(RAISE_VERSION);
  await writeAudit(session, audit);
  return 'updated';
};

export const keysUsed: Operation<Storage['keysUsed'], WriteSession> = async (session, { uses }) => {
  await session.run(
    USED,
    uses.map(({ id }) => id),
    uses.map(({ atMs }) => atMs),
  );
};

export const keyGet: Operation<Storage['keyGet']> = async (session, { id }) => {
  const row = await session.row(`${SELECT} WHERE id = $1`, id);
  return row === undefined ? null : keyRecord(row);
};

export const keyList: Operation<Storage['keyList']> = (session, { page }) =>
  listPage(session, { select: SELECT, conditions: [], orderBy: ['no'], page, read: keyRecord });

export async function keyRing(session: Session): Promise<{ version: number; keys: KeyRecord[] }> {
  const version = Number((await session.row(VERSION))?.['value'] ?? 0);
  const rows = await session.rows(`${SELECT} WHERE revoked_ms IS NULL ORDER BY no`);
  return { version, keys: rows.map(keyRecord) };
}

function keyRecord(row: Row): KeyRecord {
  return {
    id: String(row['id']),
    name: String(row['name']),
    // This driver has written it.
    scope: String(row['scope']) as KeyScope,
    prefix: String(row['prefix']),
    hash: bytesOf(row['hash']),
    createdAtMs: Number(row['created_ms']),
    expiresAtMs: numberOrNull(row['expires_ms']),
    lastUsedAtMs: numberOrNull(row['last_used_ms']),
    revokedAtMs: numberOrNull(row['revoked_ms']),
    revision: Number(row['revision']),
    position: [Number(row['no'])],
  };
}
