/** A stored authentication, ready for sending. */
import { createHash } from 'node:crypto';
import type { TlsIdentity } from '../../connector.ts';
import type { WebhookOptions } from '../options.ts';
import type { WebhookPools } from '../pools.ts';
import type { Authenticator } from './authenticator.ts';
import { basicAuthorization } from './basic.ts';
import { bearerAuthorization } from './bearer.ts';
import { DigestAuthenticator } from './digest.ts';
import { tlsIdentity } from './mtls.ts';
import { Oauth2Authenticator } from './oauth2.ts';
import type { TokenCache } from './token-cache.ts';
import { tokenFetcher } from './token-request.ts';
import type { WebhookAuth } from './webhook-auth.ts';

export interface OpenedAuth {
  /** The same with each message: names and values, all of them secret. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Makes what is not the same; `null`: nothing. */
  readonly authenticator: Authenticator | null;
  /** Of the connection itself. */
  readonly tls: TlsIdentity | null;
  /** Tells credentials apart; `''`: there are none. */
  readonly credential: string;
}

export interface AuthParts {
  readonly pools: WebhookPools;
  readonly tokens: TokenCache;
  readonly options: WebhookOptions;
}

const NONE: OpenedAuth = { headers: [], authenticator: null, tls: null, credential: '' };

/** Throws where a stored key cannot be used. */
export function openAuth(auth: WebhookAuth | null, parts: AuthParts): OpenedAuth {
  if (auth === null) return NONE;
  const credential = createHash('sha256').update(JSON.stringify(auth)).digest('base64url');
  const opened = { ...NONE, credential };
  switch (auth.method) {
    case 'basic':
      return { ...opened, headers: [['authorization', basicAuthorization(auth)]] };
    case 'bearer': {
      const value = bearerAuthorization(auth.token);
      if (value === null) throw new Error('the stored token is not valid');
      return { ...opened, headers: [['authorization', value]] };
    }
    case 'header':
      return { ...opened, headers: Object.entries(auth.headers) };
    case 'mtls':
      return { ...opened, tls: tlsIdentity(auth) };
    case 'digest':
      return { ...opened, authenticator: new DigestAuthenticator(auth, parts.options.random) };
    case 'oauth2': {
      const { pools, tokens, options } = parts;
      const channel = pools.channel(new URL(auth.token_url).origin, credential, null);
      const fetch = tokenFetcher({ auth, channel, pools, options });
      const authenticator = new Oauth2Authenticator(credential, fetch, tokens, options.clock);
      return { ...opened, authenticator };
    }
  }
}
