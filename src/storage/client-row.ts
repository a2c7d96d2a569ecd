/** An API client as the drivers have it: in columns of the same names, joined with its tenant's id as `tenant_id`. */
import type { ApiClient } from '../domain/api-client.ts';
import type { ClientScope } from '../domain/caller.ts';
import type { StoredClient } from './client-storage.ts';

/** What an insert and an update write, in the order of their columns in both drivers. */
export function changeableValues(client: StoredClient) {
  return [
    client.name,
    client.clientId,
    JSON.stringify(client.permissions),
    client.token.prefix,
    client.token.hash,
    client.previousToken?.prefix ?? null,
    client.previousToken?.hash ?? null,
    client.previousToken?.untilMs ?? null,
    client.sealedSecrets,
    client.certificateExpiresAtMs,
    client.revision,
    client.updatedAtMs,
    client.expiresAtMs,
    client.revokedAtMs,
  ] as const;
}

export function storedClient(row: Readonly<Record<string, unknown>>): StoredClient {
  return {
    tenantId: String(row['tenant_id']),
    urn: String(row['urn']),
    name: String(row['name']),
    clientId: String(row['client_id']),
    // The driver has written both.
    scope: String(row['scope']) as ClientScope,
    permissions: JSON.parse(String(row['permissions'])) as ApiClient['permissions'],
    token: { prefix: String(row['prefix']), hash: bytes(row['hash']) },
    previousToken:
      row['previous_prefix'] === null
        ? null
        : {
            prefix: String(row['previous_prefix']),
            hash: bytes(row['previous_hash']),
            untilMs: Number(row['previous_until_ms']),
          },
    certificateExpiresAtMs: numberOrNull(row['certificate_expires_ms']),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
    expiresAtMs: numberOrNull(row['expires_ms']),
    revokedAtMs: numberOrNull(row['revoked_ms']),
    revision: Number(row['revision']),
    sealedSecrets: bytes(row['sealed_secrets']),
  };
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
