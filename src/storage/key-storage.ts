/** The part of the storage port that holds the operator's keys, and the audit log. */
import type { ApiKey } from '../domain/api-key.ts';
import type { AuditEntry } from '../domain/audit.ts';
import type { AuditQuery, AuditRecord, Page, PageRequest, Position } from './reading.ts';

export interface KeyStorage {
  /** Ids and hashes are of chance, and so are new. Each change raises the version of `keyRing`. */
  keyInsert(query: { key: ApiKey; audit?: AuditEntry | null }): Promise<void>;
  /** Writes name, expiry and revocation, if the key is still as it was when it was read; likewise. */
  keyUpdate(query: {
    key: ApiKey;
    ifRevision: number;
    audit?: AuditEntry | null;
  }): Promise<'updated' | 'changed_meanwhile' | 'unknown'>;
  /** Notes when keys were last used; the latest moment stays. It raises no version. */
  keysUsed(query: { uses: readonly KeyUse[] }): Promise<void>;
  keyGet(query: { id: string }): Promise<KeyRecord | null>;
  /** By age, revoked and expired ones too. */
  keyList(query: { page: PageRequest }): Promise<Page<KeyRecord>>;
  /** All keys that are not revoked. */
  keyRing(): Promise<{ version: number; keys: readonly ApiKey[] }>;

  // ── The audit log ────────────────────────────────────────────────────────────────────────────────────────────

  /** An entry of what changes nothing in the storage: a token that was given out. */
  auditInsert(query: { entry: AuditEntry }): Promise<void>;
  auditList(query: AuditQuery): Promise<Page<AuditRecord>>;
  /** Drops some of the entries from before; `more`: there is more to do. Nothing else changes or drops an entry. */
  auditPruneSlice(query: {
    beforeMs: number;
    limit: number;
  }): Promise<{ entries: number; more: boolean }>;
}

export interface KeyRecord extends ApiKey {
  readonly position: Position;
}

export interface KeyUse {
  readonly id: string;
  readonly atMs: number;
}
