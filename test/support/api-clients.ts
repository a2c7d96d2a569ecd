/** API clients, and what they make, for tests of the doors to destinations. */
import type { ApiServer } from './api-server.ts';

export interface ApiClientView {
  readonly urn: string;
  readonly tenant_id: string;
  readonly name: string;
  readonly client_id: string;
  readonly scope: string;
  readonly full_access: boolean;
  readonly permissions: readonly unknown[];
  readonly token_prefix: string;
  readonly client_certificate_expires_at: string | null;
  readonly revoked_at: string | null;
}

export interface IssuedClientView extends ApiClientView {
  readonly token: string;
}

export interface SubscriptionView {
  readonly urn: string;
  readonly apiClient: string | null;
  readonly subject: string | null;
  readonly event: string | null;
  readonly resource: string | null;
  readonly destinationUrl: string;
  readonly auth: string;
  readonly secret: string;
  readonly expirationTimestamp: string;
  readonly eventsPerMinute: number;
  readonly status: 'ACTIVE' | 'EXPIRED' | 'STOPPED';
  readonly statusReason: string | null;
  readonly statusTimestamp: string | null;
  readonly createdTimestamp: string;
  readonly updatedTimestamp: string;
  readonly lastDeliveryTimestamp: string | null;
  readonly billableAttempts: number;
}

export const SECRET = 'a secret of the subscriber';

/** Of scope `webhook` and full access, unless said otherwise. */
export async function makeClient(
  api: ApiServer,
  tenantId: string,
  given: object = {},
): Promise<IssuedClientView> {
  const answer = await api.post<IssuedClientView>('/v1/apiclients', {
    tenant_id: tenantId,
    name: 'a client',
    scope: 'webhook',
    full_access: true,
    ...given,
  });
  if (answer.status !== 201) throw new Error(`no client was made: ${answer.text}`);
  return answer.body;
}

/** What a client sends to subscribe to every `entity` event. */
export function subscriptionBody(api: ApiServer, client: { readonly urn: string }, given = {}) {
  return {
    apiClient: client.urn,
    subject: 'ENTITY',
    event: 'ALL',
    destinationUrl: api.receiver.url('/ok'),
    secret: SECRET,
    eventsPerMinute: 6000,
    ...given,
  };
}

/** Made by the client itself. */
export async function makeSubscription(
  api: ApiServer,
  client: IssuedClientView,
  given: object = {},
): Promise<SubscriptionView> {
  const answer = await api.request<SubscriptionView>('POST', '/v1/webhooksubscriptions', {
    key: client.token,
    body: subscriptionBody(api, client, given),
  });
  if (answer.status !== 201) throw new Error(`no subscription was made: ${answer.text}`);
  return answer.body;
}
