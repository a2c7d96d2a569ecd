/** Creating, changing and revoking keys of the operator. Each change counts on this node before it is answered. */
import { newToken } from '../domain/api-key.ts';
import type { ApiKey } from '../domain/api-key.ts';
import type { AuditAction, AuditAuthor, AuditEntry, AuditSnapshot } from '../domain/audit.ts';
import type { KeyScope } from '../domain/caller.ts';
import { newId } from '../domain/id.ts';
import type { Access } from './access.ts';

export interface NewKey {
  readonly name: string;
  readonly scope: KeyScope;
  readonly expiresAtMs: number | null;
}

export interface KeyChange {
  readonly name?: string;
  readonly expiresAtMs?: number | null;
}

export type KeyResult =
  | { readonly kind: 'done'; readonly key: ApiKey }
  | { readonly kind: 'unknown' | 'revoked' | 'changed_meanwhile' };

/** Where another's change came first, it is made anew on what is there now. */
const MAX_TRIES = 50;

/** `token` is shown now or never. */
export async function createKey(
  { storage, keys, clock, random }: Access,
  { name, scope, expiresAtMs }: NewKey,
  author: AuditAuthor,
): Promise<{ key: ApiKey; token: string }> {
  const nowMs = clock.nowMs();
  const { token, prefix, hash } = newToken(random);
  const key: ApiKey = {
    id: newId('key', nowMs, random),
    name,
    scope,
    prefix,
    hash,
    createdAtMs: nowMs,
    expiresAtMs,
    lastUsedAtMs: null,
    revokedAtMs: null,
    revision: 1,
  };
  await storage.keyInsert({
    key,
    audit: entry(author, 'key.created', { id: key.id, before: null, after: key }),
  });
  await keys.refresh();
  return { key, token };
}

/** A revoked key stays as it is. */
export function changeKey(
  access: Access,
  id: string,
  { name, expiresAtMs }: KeyChange,
  author: AuditAuthor,
): Promise<KeyResult> {
  return update(access, id, (before) => {
    const key = {
      ...before,
      name: name ?? before.name,
      expiresAtMs: expiresAtMs === undefined ? before.expiresAtMs : expiresAtMs,
    };
    const isChanged = key.name !== before.name || key.expiresAtMs !== before.expiresAtMs;
    return {
      key,
      audit: isChanged ? entry(author, 'key.updated', { id, before, after: key }) : null,
    };
  });
}

/** It opens nothing any more; its name stays for the audit log's sake. */
export function revokeKey(access: Access, id: string, author: AuditAuthor): Promise<KeyResult> {
  return update(access, id, (before) => ({
    key: { ...before, revokedAtMs: access.clock.nowMs() },
    audit: entry(author, 'key.revoked', { id, before, after: null }),
  }));
}

async function update(
  { storage, keys }: Access,
  id: string,
  change: (before: ApiKey) => { key: ApiKey; audit: AuditEntry | null },
): Promise<KeyResult> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = await storage.keyGet({ id });
    if (before === null) return { kind: 'unknown' };
    if (before.revokedAtMs !== null) return { kind: 'revoked' };
    const { key, audit } = change(before);
    const changed = { ...key, revision: before.revision + 1 };
    const updated = await storage.keyUpdate({ key: changed, ifRevision: before.revision, audit });
    if (updated === 'unknown') return { kind: 'unknown' };
    if (updated === 'changed_meanwhile') continue;
    await keys.refresh();
    return { kind: 'done', key: changed };
  }
  return { kind: 'changed_meanwhile' };
}

function entry(
  author: AuditAuthor,
  action: AuditAction,
  { id, before, after }: { id: string; before: ApiKey | null; after: ApiKey | null },
): AuditEntry {
  return {
    ...author,
    action,
    tenantId: null,
    resource: { kind: 'key', id },
    before: before === null ? null : snapshot(before),
    after: after === null ? null : snapshot(after),
  };
}

function snapshot({ name, scope, prefix, expiresAtMs }: ApiKey): AuditSnapshot {
  const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
  return { name, scope, prefix, expires_at: expiresAt };
}
