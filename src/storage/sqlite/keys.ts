/** Keys of the operator. */
import type { ApiKey } from '../../domain/api-key.ts';
import type { KeyScope } from '../../domain/caller.ts';
import type { KeyRecord } from '../key-storage.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { listPage, numberOrNull } from './page.ts';

const SELECT = `
  SELECT no, id, name, scope, prefix, hash, revision, created_ms, expires_ms, last_used_ms, revoked_ms
  FROM api_keys`;

const INSERT = `
  INSERT INTO api_keys (id, name, scope, prefix, hash, revision, created_ms, expires_ms, last_used_ms, revoked_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const UPDATE = `
  UPDATE api_keys SET name = ?, expires_ms = ?, revoked_ms = ?, revision = ? WHERE id = ? AND revision = ?`;

const RAISE_VERSION = `
  INSERT INTO meta (name, value) VALUES ('keys_version', '1')
  ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)`;

const VERSION = "SELECT value FROM meta WHERE name = 'keys_version'";

export function keyInsert(context: WriteContext): Operation<Storage['keyInsert']> {
  return ({ key, audit }) => {
    context
      .statement(INSERT)
      .run(
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
    context.statement(RAISE_VERSION).run();
    writeAudit(context, audit);
  };
}

export function keyUpdate(context: WriteContext): Operation<Storage['keyUpdate']> {
  return ({ key, ifRevision, audit }) => {
    const updated = context
      .statement(UPDATE)
      .run(key.name, key.expiresAtMs, key.revokedAtMs, key.revision, key.id, ifRevision);
    if (updated.changes === 0) {
      const known = context.statement('SELECT 1 FROM api_keys WHERE id = ?').get(key.id);
      return known === undefined ? 'unknown' : 'changed_meanwhile';
    }
    context.statement(RAISE_VERSION).run();
    writeAudit(context, audit);
    return 'updated';
  };
}

export function keysUsed(context: WriteContext): Operation<Storage['keysUsed']> {
  return ({ uses }) => {
    for (const { id, atMs } of uses) {
      context
        .statement(
          'UPDATE api_keys SET last_used_ms = max(ifnull(last_used_ms, 0), ?) WHERE id = ?',
        )
        .run(atMs, id);
    }
  };
}

export function keyGet(context: ReadContext): Operation<Storage['keyGet']> {
  return ({ id }) => {
    const row = context.statement(`${SELECT} WHERE id = ?`).get(id);
    return row === undefined ? null : keyRecord(row);
  };
}

export function keyList(context: ReadContext): Operation<Storage['keyList']> {
  return ({ page }) =>
    listPage(context, { select: SELECT, conditions: [], orderBy: ['no'], page, read: keyRecord });
}

export function keyRing(context: ReadContext): Operation<Storage['keyRing']> {
  return () => ({
    version: Number(context.statement(VERSION).get()?.['value'] ?? 0),
    keys: context.statement(`${SELECT} WHERE revoked_ms IS NULL ORDER BY no`).all().map(keyRecord),
  });
}

function keyRecord(row: Record<string, unknown>): KeyRecord {
  return { ...apiKey(row), position: [Number(row['no'])] };
}

function apiKey(row: Record<string, unknown>): ApiKey {
  return {
    id: String(row['id']),
    name: String(row['name']),
    // This driver has written it.
    scope: String(row['scope']) as KeyScope,
    prefix: String(row['prefix']),
    hash: row['hash'] instanceof Uint8Array ? row['hash'] : new Uint8Array(),
    createdAtMs: Number(row['created_ms']),
    expiresAtMs: numberOrNull(row['expires_ms']),
    lastUsedAtMs: numberOrNull(row['last_used_ms']),
    revokedAtMs: numberOrNull(row['revoked_ms']),
    revision: Number(row['revision']),
  };
}
