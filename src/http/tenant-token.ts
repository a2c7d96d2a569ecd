/**
 * Tokens of tenants, for the portal: JWTs (RFC 7519) under HS256, short-lived, bound to one tenant. They are stored
 * nowhere. The key is made of the encryption key; while that is rotated, tokens of all keys given are good.
 */
import { TENANT_ROLES } from '../domain/caller.ts';
import type { TenantCaller, TenantRole } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';

const ALGORITHM = 'HS256';
const ISSUER = 'angarium';
const AUDIENCE = 'angarium:tenant';
/** Nodes' clocks may differ by this. */
const LEEWAY_S = 5;
/** Tokens that were verified, kept by their digest: a portal sends the same one with each call. */
const MAX_VERIFIED = 1000;

export interface TokenRequest {
  readonly tenantId: string;
  readonly role: TenantRole;
  /** It may set up its tenant, which is not there yet. */
  readonly maySetUp: boolean;
}

interface Verified {
  readonly caller: TenantCaller;
  readonly endsAtMs: number;
}

export class TenantTokens {
  readonly #keys: readonly Uint8Array[];
  readonly #clock: Clock;
  readonly #lifetimeS: number;
  readonly #verified = new Map<string, Verified>();

  /** `keys`: the current one first. */
  constructor(keys: readonly Uint8Array[], clock: Clock, lifetimeS: number) {
    this.#keys = keys;
    this.#clock = clock;
    this.#lifetimeS = lifetimeS;
  }

  async issue({ tenantId, role, maySetUp }: TokenRequest): Promise<string> {
    const [current] = this.#keys;
    if (current === undefined) throw new TypeError('at least one key is needed');
    const nowS = Math.floor(this.#clock.nowMs() / 1000);
    const { SignJWT } = await import('jose/jwt/sign');
    return await new SignJWT({ role, ...(maySetUp ? { set_up: true } : {}) })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(tenantId)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + this.#lifetimeS)
      .sign(current);
  }

  /** Whose token it is, if it is good now. `digest`: the SHA-256 of the token. */
  verify(token: string, digest: Uint8Array): TenantCaller | null | Promise<TenantCaller | null> {
    const place = Buffer.from(digest).toString('latin1');
    const known = this.#verified.get(place);
    if (known === undefined) return this.#verifyAnew(token, place);
    if (this.#clock.nowMs() < known.endsAtMs) return known.caller;
    this.#verified.delete(place);
    return null;
  }

  async #verifyAnew(token: string, place: string): Promise<TenantCaller | null> {
    for (const key of this.#keys) {
      const verified = await this.#verifyWith(key, token);
      if (verified === null) continue;
      if (this.#verified.size >= MAX_VERIFIED) this.#verified.clear();
      this.#verified.set(place, verified);
      return verified.caller;
    }
    return null;
  }

  async #verifyWith(key: Uint8Array, token: string): Promise<Verified | null> {
    // Loaded with the first token: a server without portals does without it.
    const { jwtVerify } = await import('jose/jwt/verify');
    let payload;
    try {
      ({ payload } = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: LEEWAY_S,
        currentDate: new Date(this.#clock.nowMs()),
      }));
    } catch {
      // Whatever is wrong with it, it is no token of ours, or one that has expired.
      return null;
    }
    const { sub: tenantId, exp, role: claimed, set_up: setUp } = payload;
    const role = TENANT_ROLES.find((each) => each === claimed);
    if (tenantId === undefined || exp === undefined || role === undefined) return null;
    const endsAtMs = (exp + LEEWAY_S) * 1000;
    return { caller: { kind: 'tenant', tenantId, role, maySetUp: setUp === true }, endsAtMs };
  }
}
