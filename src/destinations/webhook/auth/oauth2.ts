/**
 * OAuth 2.0 client credentials (RFC 6749, 4.4): a token of the tenant's token server goes along with each message. Tokens
 * are kept (token-cache.ts) and renewed once where the receiver refuses one with 401.
 */
import type { Clock } from '../../../domain/clock.ts';
import type { AddressGuard } from '../../address-guard.ts';
import { parseTargetUrl } from '../../url.ts';
import type { AuthFields, TextRule } from './auth-fields.ts';
import type { Authenticator, Authorization, AuthorizedRequest } from './authenticator.ts';
import { bearerAuthorization } from './bearer.ts';
import { checkSigningKey } from './signing-key.ts';
import type { SigningKeyAuth } from './signing-key.ts';
import type { TokenCache, TokenResult } from './token-cache.ts';

/** The names of the methods are those of RFC 7591, 2. */
export type Oauth2Auth = {
  readonly method: 'oauth2';
  readonly token_url: string;
  readonly client_id: string;
  readonly scope?: string;
  readonly audience?: string;
} & (ClientSecret | SigningKeyAuth);

interface ClientSecret {
  readonly token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post';
  readonly client_secret: string;
}

const TOKEN_URL: TextRule = {
  pattern: /^/,
  expected: 'The URL of the token endpoint, such as https://login.example.com/oauth/token.',
};
/** RFC 6749, appendix A: visible ASCII and blanks. */
const CLIENT_ID: TextRule = {
  pattern: /^[\x20-\x7e]{1,512}$/,
  expected: 'A client id has 1 to 512 visible ASCII characters.',
};
const CLIENT_SECRET: TextRule = {
  pattern: /^[\x20-\x7e]{1,2048}$/,
  expected: 'A client secret has 1 to 2048 visible ASCII characters.',
};
const SCOPE: TextRule = {
  pattern: /^(?=.{1,2048}$)[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/,
  expected: 'A scope is words of visible ASCII with one blank between them, without quotes.',
};
const AUDIENCE: TextRule = {
  pattern: /^[\x21-\x7e]{1,2048}$/,
  expected: 'An audience has 1 to 2048 visible ASCII characters.',
};
const AUTH_METHOD: TextRule = {
  pattern: /^(?:client_secret_basic|client_secret_post|private_key_jwt)$/,
  expected: 'It is client_secret_basic, client_secret_post or private_key_jwt.',
};

export function checkOauth2(fields: AuthFields, guard: AddressGuard): Oauth2Auth {
  const tokenUrl = checkTokenUrl(fields, guard);
  const clientId = fields.required('client_id', CLIENT_ID);
  const scope = fields.optional('scope', SCOPE);
  const audience = fields.optional('audience', AUDIENCE);
  const common = {
    method: 'oauth2' as const,
    token_url: tokenUrl,
    client_id: clientId,
    ...(scope === undefined ? {} : { scope }),
    ...(audience === undefined ? {} : { audience }),
  };
  const byKey = fields.has('private_key');
  const fallback = byKey ? 'private_key_jwt' : 'client_secret_basic';
  const authMethod = fields.optional('token_endpoint_auth_method', AUTH_METHOD) ?? fallback;
  if (authMethod === 'private_key_jwt') return { ...common, ...checkSigningKey(fields) };
  return {
    ...common,
    token_endpoint_auth_method:
      authMethod === 'client_secret_post' ? authMethod : 'client_secret_basic',
    client_secret: checkClientSecret(fields, tokenUrl),
  };
}

/**
 * The secret is the token server's, and goes there with each request for a token: whoever may change the URL, but does
 * not know the secret, must not have it sent to a host of his own. A private key goes nowhere.
 */
function checkClientSecret(fields: AuthFields, tokenUrl: string): string {
  const secret = fields.required('client_secret', CLIENT_SECRET);
  const before = fields.current('token_url');
  if (tokenUrl === '' || typeof before !== 'string' || !fields.isMasked('client_secret'))
    return secret;
  if (new URL(before).origin !== new URL(tokenUrl).origin) {
    const message = 'The token URL is on another host now: give the secret again, not its mask.';
    fields.refuse('client_secret', 'masked', message);
  }
  return secret;
}

export class Oauth2Authenticator implements Authenticator {
  readonly #tokens: TokenCache;
  readonly #clock: Clock;
  /** Of the token in the cache: whoever has the same credentials shares it. */
  readonly #key: string;
  readonly #fetch: () => Promise<TokenResult>;

  constructor(key: string, fetch: () => Promise<TokenResult>, tokens: TokenCache, clock: Clock) {
    this.#key = key;
    this.#fetch = fetch;
    this.#tokens = tokens;
    this.#clock = clock;
  }

  authorize(_request: AuthorizedRequest, leftMs: number): Authorization | Promise<Authorization> {
    const token = this.#tokens.kept(this.#key, this.#fetch);
    // One that was fetched just now is not made better by another.
    return token === undefined ? this.#fetched(leftMs) : this.#ready(token, true);
  }

  async #fetched(leftMs: number): Promise<Authorization> {
    const result = await this.#inTime(leftMs, this.#tokens.fetched(this.#key, this.#fetch));
    return result.ok
      ? this.#ready(result.token, false)
      : { kind: 'failed', failure: { reason: 'auth', detail: result.detail } };
  }

  #ready(token: string, renews: boolean): Authorization {
    return {
      kind: 'ready',
      value: bearerAuthorization(token),
      answered: ({ status }) => {
        if (status !== 401 || !renews) return false;
        this.#tokens.drop(this.#key, token);
        return true;
      },
    };
  }

  /** The work goes on: others may wait for it, and later messages use what comes of it. */
  #inTime(leftMs: number, work: Promise<TokenResult>): Promise<TokenResult> {
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(Math.max(0, leftMs), () => {
        resolve({ ok: false, detail: 'The token server did not answer in time.' });
      });
      void work.then(resolve).finally(() => timer.cancel());
    });
  }
}

function checkTokenUrl(fields: AuthFields, guard: AddressGuard): string {
  const given = fields.required('token_url', TOKEN_URL);
  if (given === '') return '';
  const parsed = parseTargetUrl(given, guard);
  if (parsed.ok) return parsed.url;
  fields.refuse('token_url', parsed.code, parsed.message);
  return '';
}
