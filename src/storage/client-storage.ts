/** API clients, as the storage keeps them: part of the port (storage.ts). */
import type { ApiClient } from '../domain/api-client.ts';
import type { AuditEntry } from '../domain/audit.ts';
import type { Page, PageRequest, Position } from './reading.ts';

export interface ClientStorage {
  /** urns and hashes are of chance, and so are new. Each change raises the version of `clientRing` and the tenant's routing version. */
  clientInsert(query: {
    client: StoredClient;
    /** Those that are not revoked, at most. */
    maxPerTenant: number;
    audit?: AuditEntry | null;
  }): Promise<'inserted' | 'unknown_tenant' | 'client_id_taken' | 'too_many'>;
  /**
   * Replaces what can change, if the client is still as it was when it was read; likewise. One that is revoked by it
   * takes its destinations along: those that it owns (`subscription.apiClient`) are disabled at that moment, and what
   * they were owed is canceled, in slices, by `cancelSlice`.
   */
  clientUpdate(query: {
    client: StoredClient;
    ifRevision: number;
    audit?: AuditEntry | null;
  }): Promise<'updated' | 'changed_meanwhile' | 'client_id_taken' | 'unknown'>;
  clientGet(query: { urn: string }): Promise<StoredClient | null>;
  /** By age, revoked and expired ones too. `tenantIds` empty: of all tenants. */
  clientList(query: {
    tenantIds: readonly string[];
    page: PageRequest;
  }): Promise<Page<ClientRecord>>;
  /** All clients that are not revoked. */
  clientRing(): Promise<{ version: number; clients: readonly ApiClient[] }>;
}

/** With its secrets sealed (domain/sealed-box.ts). */
export interface StoredClient extends ApiClient {
  readonly sealedSecrets: Uint8Array;
}

export interface ClientRecord extends StoredClient {
  readonly position: Position;
}
