/**
 * An API client: the credentials of one integration of a tenant. Its token is kept as a hash, by which we know it, and
 * sealed, as it has to be sent: deliveries of its subscriptions may carry it to the receiver.
 */
import { isSameDigest } from './api-key.ts';
import type { ClientPermission, ClientScope } from './caller.ts';

export interface ApiClient {
  readonly tenantId: string;
  /** A UUID. */
  readonly urn: string;
  readonly name: string;
  /** Free text, unique among the tenant's clients that are not revoked; the user name towards receivers. */
  readonly clientId: string;
  readonly scope: ClientScope;
  /** What it may subscribe to. */
  readonly permissions: 'all' | readonly ClientPermission[];
  readonly token: TokenHash;
  /** The token before, which is good for a while yet; `null`: there is none. */
  readonly previousToken: (TokenHash & { readonly untilMs: number }) | null;
  /** When its client certificate ends; `null`: it has none. */
  readonly certificateExpiresAtMs: number | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** From then on its tokens open nothing; `null`: they do not expire. */
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** Raised by each change; the guard against lost updates. */
  readonly revision: number;
}

export interface TokenHash {
  readonly prefix: string;
  /** SHA-256. */
  readonly hash: Uint8Array;
}

/** What is sealed. */
export interface ClientSecrets {
  readonly token: string;
  readonly certificate: ClientCertificate | null;
}

/** PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
  /** Trusted instead of the public authorities; `null`: those. */
  readonly ca: string | null;
}

export const CLIENT_TOKEN_PREFIX = 'anc_';

/** Whether that token opens anything at that moment. */
export function opens(client: ApiClient, digest: Uint8Array, nowMs: number): boolean {
  if (client.revokedAtMs !== null) return false;
  if (client.expiresAtMs !== null && nowMs >= client.expiresAtMs) return false;
  const { token, previousToken } = client;
  const isCurrent = isSameDigest(token.hash, digest);
  const isPrevious = previousToken !== null && isSameDigest(previousToken.hash, digest);
  return isCurrent || (isPrevious && nowMs < previousToken.untilMs);
}
