/** What a destination shows of having been made as a subscription: by whom, and of what. */
import type { Subscription } from '../../domain/subscription.ts';
import { nullable, object, optional, string } from './json-schema.ts';

export const SubscriptionPart = object(
  {
    api_client: nullable(string(), { description: 'urn of the API client that it belongs to.' }),
    subject: optional(string()),
    event: optional(string()),
    resource: optional(string({ description: 'urn of the one resource that it is narrowed to.' })),
  },
  {
    description:
      'Read only. It was made as a subscription or by an API client: it is seen, under the same id, at `/webhooksubscriptions` or `/hooks`.',
  },
);

export function subscriptionPart(subscription: Subscription | null): { subscription?: object } {
  if (subscription === null) return {};
  const { apiClient, words, resource } = subscription;
  return {
    subscription: {
      api_client: apiClient,
      ...words,
      ...(resource === null ? {} : { resource }),
    },
  };
}
