/** From the `Authorization` header to a caller. Every kind of credential is recognised here. */
import type { FastifyRequest } from 'fastify';
import { CLIENT_TOKEN_PREFIX } from '../domain/api-client.ts';
import { isSameDigest, TOKEN_PREFIX, tokenDigest } from '../domain/api-key.ts';
import type { Caller, OperatorCaller } from '../domain/caller.ts';
import type { ClientRing } from '../engine/client-ring.ts';
import type { KeyRing } from '../engine/key-ring.ts';
import type { TenantTokens } from './tenant-token.ts';

const BEARER = 'bearer ';

/** The key of the configuration. */
const CONFIGURED: OperatorCaller = {
  kind: 'operator',
  scope: 'admin',
  keyId: null,
  name: 'ANGARIUM_API_KEY',
};

export interface CredentialParts {
  readonly apiKey: string;
  readonly keys: KeyRing;
  readonly clients: ClientRing;
  readonly tokens: TenantTokens;
}

/** `absent`: there was nothing to look at; `invalid`: there was, and it opens nothing. */
export type Recognised = Caller | 'absent' | 'invalid';

export class Credentials {
  readonly #configured: Uint8Array;
  readonly #parts: CredentialParts;

  constructor(parts: CredentialParts) {
    this.#parts = parts;
    this.#configured = tokenDigest(parts.apiKey);
  }

  /** At once, save for a tenant's token that was not seen before. */
  of({ headers: { authorization } }: FastifyRequest): Recognised | Promise<Recognised> {
    if (authorization === undefined) return 'absent';
    if (!isBearer(authorization)) return 'invalid';
    const token = authorization.slice(BEARER.length);
    const digest = tokenDigest(token);
    // Digests are of one length, so that the comparison tells nothing of the key, its length neither.
    if (isSameDigest(digest, this.#configured)) return CONFIGURED;
    if (token.startsWith(TOKEN_PREFIX)) return this.#ofKey(token, digest);
    if (token.startsWith(CLIENT_TOKEN_PREFIX)) return this.#ofClient(token, digest);
    const verified = this.#parts.tokens.verify(token, digest);
    return verified instanceof Promise
      ? verified.then((caller) => caller ?? 'invalid')
      : (verified ?? 'invalid');
  }

  #ofKey(token: string, digest: Uint8Array): Recognised {
    const key = this.#parts.keys.find(token, digest);
    if (key === null) return 'invalid';
    return { kind: 'operator', scope: key.scope, keyId: key.id, name: key.name };
  }

  #ofClient(token: string, digest: Uint8Array): Recognised {
    const client = this.#parts.clients.find(token, digest);
    if (client === null) return 'invalid';
    const { urn, name, tenantId, scope, permissions } = client;
    return { kind: 'client', urn, name, tenantId, scope, permissions };
  }
}

function isBearer(header: string): boolean {
  return header.slice(0, BEARER.length).toLowerCase() === BEARER;
}
