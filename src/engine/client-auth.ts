/**
 * The authentication of a destination that uses its API client's credentials. It is not kept with the destination: what
 * the client has at the moment of an attempt is what is sent, so that a rotated token counts for what waits, too.
 */
import type { FieldProblem } from '../destinations/destination-type.ts';
import type { Auth } from '../domain/destination.ts';
import type { SealedBoxes } from '../domain/sealed-box.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { TenantDefaults } from '../storage/storage.ts';
import { openClientSecrets } from './client-secrets.ts';

/** Whether its own authentication counts for nothing. */
export function usesClientAuth(
  subscription: Subscription | null | undefined,
): subscription is Subscription {
  return (subscription?.apiClient ?? null) !== null && subscription?.auth !== 'none';
}

/** `secret`: the signing secret, which is the password too. `null` where the client is gone, or has no certificate. */
export function clientAuth(
  { apiClient, auth }: Subscription,
  secret: string,
  { clients }: TenantDefaults,
  boxes: SealedBoxes,
): Auth | null {
  const client = clients.find(({ urn }) => urn === apiClient);
  if (client === undefined) return null;
  switch (auth) {
    case 'none':
      return null;
    case 'basic':
    case 'digest':
      return { method: auth, username: client.clientId, password: secret };
    case 'bearer':
      return { method: auth, token: openClientSecrets(client, boxes).token };
    case 'mtls': {
      const { certificate } = openClientSecrets(client, boxes);
      if (certificate === null) return null;
      const { ca, ...own } = certificate;
      return { method: auth, ...own, ...(ca === null ? {} : { ca }) };
    }
  }
}

/** What a destination that is written will send of its client's, to be checked as any authentication is. */
export function authFor(
  subscription: Subscription | null | undefined,
  secret: unknown,
  defaults: TenantDefaults,
  boxes: SealedBoxes,
): Auth | null {
  if (!usesClientAuth(subscription)) return null;
  // What is no text is refused where secrets are checked.
  const password = typeof secret === 'string' ? secret : '';
  return clientAuth(subscription, password, defaults, boxes);
}

export const CLIENTS_AUTH: FieldProblem = {
  pointer: '/auth',
  code: 'conflict',
  message:
    'It authenticates with what its API client has: change that at its subscription, where `auth` says how.',
};
