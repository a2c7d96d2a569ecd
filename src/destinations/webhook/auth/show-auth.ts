/** A stored authentication as its owner reads it: what is secret is masked, what is not is shown. */
import { MASK } from '../../destination-type.ts';
import type { ShownAuth } from '../../destination-type.ts';
import { mtlsWarnings } from './mtls.ts';
import type { WebhookAuth } from './webhook-auth.ts';

export function showAuth(auth: WebhookAuth | null, nowMs: number): ShownAuth {
  if (auth === null) return { auth: null, warnings: [] };
  return {
    auth: masked(auth),
    warnings: auth.method === 'mtls' ? mtlsWarnings(auth, nowMs) : [],
  };
}

function masked(auth: WebhookAuth): Readonly<Record<string, unknown>> {
  switch (auth.method) {
    case 'basic':
    case 'digest':
      return { ...auth, password: MASK };
    case 'bearer':
      return { ...auth, token: MASK };
    case 'oauth2':
      return {
        ...auth,
        ...('client_secret' in auth ? { client_secret: MASK } : { private_key: MASK }),
      };
    case 'mtls':
      return { ...auth, key: MASK };
    case 'header': {
      const headers = Object.keys(auth.headers).map((name) => [name, MASK]);
      return { ...auth, headers: Object.fromEntries(headers) };
    }
  }
}
