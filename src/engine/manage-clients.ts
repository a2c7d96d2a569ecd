/** Creating, changing and revoking API clients. Each change counts on this node before it is answered. */
import { isDeepStrictEqual } from 'node:util';
import { CLIENT_TOKEN_PREFIX } from '../domain/api-client.ts';
import type { ApiClient, ClientCertificate, ClientSecrets } from '../domain/api-client.ts';
import { newToken } from '../domain/api-key.ts';
import type { AuditAction, AuditAuthor, AuditEntry, AuditSnapshot } from '../domain/audit.ts';
import { newUuid } from '../domain/id.ts';
import type { StoredClient } from '../storage/client-storage.ts';
import type { Access } from './access.ts';
import { openClientSecrets, sealClient } from './client-secrets.ts';
import type { Engine } from './engine.ts';
import { MAX_TRIES } from './manage-destinations.ts';

/** A tenant's that are not revoked, at most: all of them are read with its routing. */
export const MAX_CLIENTS = 500;

export interface ClientKeeper {
  readonly engine: Pick<Engine, 'routing' | 'targets'>;
  readonly access: Access;
}

export interface NewClient extends Pick<
  ApiClient,
  'tenantId' | 'name' | 'scope' | 'permissions' | 'expiresAtMs'
> {
  /** `null`: the urn. */
  readonly clientId: string | null;
}

/** What is left out stays. */
export type ClientChange = Partial<
  Pick<ApiClient, 'name' | 'clientId' | 'permissions' | 'expiresAtMs'>
>;

export type ClientResult =
  | { readonly kind: 'done'; readonly client: ApiClient }
  | {
      readonly kind:
        | 'unknown_tenant'
        | 'unknown'
        | 'client_id_taken'
        | 'too_many'
        | 'revoked'
        | 'changed_meanwhile';
    };

/** `token`: shown now or never. */
export type IssuedClient =
  | { readonly kind: 'issued'; readonly client: ApiClient; readonly token: string }
  | Exclude<ClientResult, { readonly kind: 'done' }>;

export async function createClient(
  keeper: ClientKeeper,
  { clientId, ...given }: NewClient,
  author: AuditAuthor,
): Promise<IssuedClient> {
  const { storage, clock, random } = keeper.access;
  const nowMs = clock.nowMs();
  const urn = newUuid(random);
  const { token, prefix, hash } = newToken(random, CLIENT_TOKEN_PREFIX);
  const client: ApiClient = {
    ...given,
    urn,
    clientId: clientId ?? urn,
    token: { prefix, hash },
    previousToken: null,
    certificateExpiresAtMs: null,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    revokedAtMs: null,
    revision: 1,
  };
  const inserted = await storage.clientInsert({
    client: sealClient(client, { token, certificate: null }, keeper.engine.targets.boxes),
    maxPerTenant: MAX_CLIENTS,
    audit: entry(author, 'client.created', null, client),
  });
  if (inserted !== 'inserted') return { kind: inserted };
  await counts(keeper, client);
  return { kind: 'issued', client, token };
}

export function changeClient(
  keeper: ClientKeeper,
  urn: string,
  change: ClientChange,
  author: AuditAuthor,
): Promise<ClientResult> {
  return update(keeper, urn, author, 'client.updated', ({ client, secrets }) => ({
    client: { ...client, ...change },
    secrets,
  }));
}

/**
 * The token before opens our API until `overlapMs` from now; one that was still good from an earlier rotation ends. What
 * is sent to receivers carries the new one at once.
 */
export async function rotateClient(
  keeper: ClientKeeper,
  urn: string,
  overlapMs: number,
  author: AuditAuthor,
): Promise<IssuedClient> {
  const { random, clock } = keeper.access;
  const { token, prefix, hash } = newToken(random, CLIENT_TOKEN_PREFIX);
  const result = await update(keeper, urn, author, 'client.rotated', ({ client, secrets }) => ({
    client: {
      ...client,
      token: { prefix, hash },
      previousToken:
        overlapMs === 0 ? null : { ...client.token, untilMs: clock.nowMs() + overlapMs },
    },
    secrets: { ...secrets, token },
  }));
  return result.kind === 'done' ? { kind: 'issued', client: result.client, token } : result;
}

/** `expiresAtMs`: of the certificate. */
export function certifyClient(
  keeper: ClientKeeper,
  urn: string,
  { certificate, expiresAtMs }: { certificate: ClientCertificate; expiresAtMs: number },
  author: AuditAuthor,
): Promise<ClientResult> {
  return update(keeper, urn, author, 'client.certified', ({ client, secrets }) => ({
    client: { ...client, certificateExpiresAtMs: expiresAtMs },
    secrets: { ...secrets, certificate },
  }));
}

/** It opens nothing any more, and its subscriptions are stopped; its name stays for the audit log's sake. */
export function revokeClient(
  keeper: ClientKeeper & { readonly engine: Pick<Engine, 'wakeCanceler'> },
  urn: string,
  author: AuditAuthor,
): Promise<ClientResult> {
  const nowMs = keeper.access.clock.nowMs();
  return update(keeper, urn, author, 'client.revoked', ({ client, secrets }) => ({
    client: { ...client, revokedAtMs: nowMs },
    secrets,
  })).finally(() => keeper.engine.wakeCanceler());
}

interface Opened {
  readonly client: ApiClient;
  readonly secrets: ClientSecrets;
}

async function update(
  keeper: ClientKeeper,
  urn: string,
  author: AuditAuthor,
  action: AuditAction,
  change: (before: Opened) => Opened,
): Promise<ClientResult> {
  const { storage, clock } = keeper.access;
  const { boxes } = keeper.engine.targets;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const stored = await storage.clientGet({ urn });
    if (stored === null) return { kind: 'unknown' };
    if (stored.revokedAtMs !== null) return { kind: 'revoked' };
    const before = withoutSecrets(stored);
    const after = change({ client: before, secrets: openClientSecrets(stored, boxes) });
    const { revision } = before;
    const client = { ...after.client, updatedAtMs: clock.nowMs(), revision: revision + 1 };
    const updated = await storage.clientUpdate({
      client: sealClient(client, after.secrets, boxes),
      ifRevision: revision,
      audit: entry(author, action, before, client),
    });
    if (updated === 'changed_meanwhile') continue;
    if (updated !== 'updated') return { kind: updated };
    await counts(keeper, client);
    return { kind: 'done', client };
  }
  return { kind: 'changed_meanwhile' };
}

/** In what of it is in memory here: who may come in, and what deliveries carry. */
async function counts({ access, engine }: ClientKeeper, { tenantId }: ApiClient): Promise<void> {
  await access.clients.refresh();
  await engine.routing.refresh(tenantId);
}

function withoutSecrets({ sealedSecrets: _sealed, ...client }: StoredClient): ApiClient {
  return client;
}

/** `null` where nothing changed. */
function entry(
  author: AuditAuthor,
  action: AuditAction,
  before: ApiClient | null,
  after: ApiClient,
): AuditEntry | null {
  const told = before === null ? null : snapshot(before);
  const now = action === 'client.revoked' ? null : snapshot(after);
  if (action === 'client.updated' && isDeepStrictEqual(told, now)) return null;
  const { tenantId, urn } = after;
  return {
    ...author,
    action,
    tenantId,
    resource: { kind: 'client', id: urn },
    before: told,
    after: now,
  };
}

function snapshot(client: ApiClient): AuditSnapshot {
  const { name, clientId, scope, permissions, token } = client;
  return {
    name,
    client_id: clientId,
    scope,
    permissions,
    token_prefix: token.prefix,
    expires_at: isoOrNull(client.expiresAtMs),
    client_certificate_expires_at: isoOrNull(client.certificateExpiresAtMs),
  };
}

function isoOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}
