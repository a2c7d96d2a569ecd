/** How a webhook destination authenticates towards its receiver: one of these, as it was checked and is stored. */
import type { Auth } from '../../../domain/destination.ts';
import type { BasicAuth } from './basic.ts';
import type { BearerAuth } from './bearer.ts';
import type { DigestAuth } from './digest.ts';
import type { HeaderAuth } from './header.ts';
import type { MtlsAuth } from './mtls.ts';
import type { Oauth2Auth } from './oauth2.ts';

export type WebhookAuth = BasicAuth | DigestAuth | BearerAuth | Oauth2Auth | MtlsAuth | HeaderAuth;

/** One that `checkAuth` passed when it was written, and that was sealed since. */
export function storedAuth(auth: Auth | null | undefined): WebhookAuth | null {
  return (auth ?? null) as WebhookAuth | null;
}
