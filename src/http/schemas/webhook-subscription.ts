/** Baack's webhook subscriptions, field for field as its document has them, and what we show beside. */
import { DISABLED_REASONS } from '../../domain/ending.ts';
import { SUBJECT_EVENTS } from '../../domain/subject.ts';
import type { SubjectEvent } from '../../domain/subject.ts';
import type { OpenedDestination } from '../../engine/manage-destinations.ts';
import type { DeliveryFacts } from '../delivery-facts.ts';
import { authWord, AUTHS, wordsOf, zonelessOrNull } from '../subscription-words.ts';
import type { SubscriptionAuth } from '../subscription-words.ts';
import {
  arrayOf,
  closedObject,
  integer,
  nullable,
  object,
  oneOf,
  optional,
  string,
  union,
} from './json-schema.ts';

const STATUSES = ['ACTIVE', 'EXPIRED', 'STOPPED'] as const;
const STATUS_REASONS = [...DISABLED_REASONS, 'api_client_revoked', 'api_client_expired'] as const;
export const DEFAULT_MAX_RATE = 6000;

const Zoneless = string({
  description: 'ISO 8601 with milliseconds and no zone, UTC: `2026-11-21T10:00:00.000`.',
});

const FIELDS = {
  subject: string({ maxLength: 255, description: 'One of `GET /webhooksubscriptions/subjects`.' }),
  event: oneOf(SUBJECT_EVENTS, { description: '`ALL`: every event of the subject.' }),
  resource: nullable(string({ pattern: '^[\\x21-\\x7e]{1,1024}$' }), {
    description: 'urn of one resource, which it is narrowed to.',
  }),
  destinationUrl: string({ maxLength: 1024 }),
  auth: oneOf(AUTHS, {
    description:
      'Beside the signature, which is always sent; `HMAC_SHA256` (default): nothing. `MTLS` takes the API client’s certificate, which is given beforehand.',
  }),
  secret: string({
    description: 'Signs, and is the password of `BASIC` and `DIGEST`. Read as its SHA-256 (hex).',
  }),
  expirationTimestamp: {
    ...Zoneless,
    description: `${String(Zoneless['description'])} At most 90 days ahead, which is the default.`,
  },
  eventsPerMinute: integer({
    minimum: 1,
    maximum: 2 ** 31 - 1,
    description: `Attempts a minute, at most; up to ${DEFAULT_MAX_RATE}, or what the operator allows the tenant.`,
  }),
};

export const WebhookSubscriptionSchema = object(
  {
    urn: string(),
    apiClient: nullable(string(), { description: 'urn; null: it was made at another door.' }),
    subject: nullable(string()),
    event: nullable(string()),
    resource: FIELDS.resource,
    destinationUrl: string(),
    auth: string(),
    secret: nullable(string(), { description: 'SHA-256 of the secret, in hexadecimal digits.' }),
    expirationTimestamp: nullable(Zoneless),
    eventsPerMinute: nullable(integer()),
    status: oneOf(STATUSES),
    statusReason: nullable(oneOf(STATUS_REASONS), { description: 'Why it is not active.' }),
    statusTimestamp: nullable(Zoneless, { description: 'Since when it is not active.' }),
    createdTimestamp: Zoneless,
    updatedTimestamp: Zoneless,
    lastDeliveryTimestamp: nullable(Zoneless),
    billableAttempts: integer({ description: 'Within the last year, as far as they are counted.' }),
  },
  { $id: 'WebhookSubscription' },
);

export interface SubscriptionBody {
  readonly apiClient: string;
  readonly subject: string;
  readonly event: SubjectEvent;
  readonly resource?: string | null;
  readonly destinationUrl: string;
  readonly auth?: SubscriptionAuth;
  readonly secret: string;
  readonly expirationTimestamp?: string | null;
  readonly eventsPerMinute: number;
}

export const SubscriptionBodySchema = closedObject({
  apiClient: string({
    pattern: '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
    description: 'urn of an API client of scope `webhook`.',
  }),
  subject: FIELDS.subject,
  event: FIELDS.event,
  resource: optional(FIELDS.resource),
  destinationUrl: FIELDS.destinationUrl,
  auth: optional(FIELDS.auth),
  secret: FIELDS.secret,
  expirationTimestamp: optional(nullable(FIELDS.expirationTimestamp)),
  eventsPerMinute: FIELDS.eventsPerMinute,
});

/** What is left out stays, with `PUT` as with `PATCH`. */
export type SubscriptionPatch = Partial<Omit<SubscriptionBody, 'apiClient' | 'secret'>> & {
  readonly secret?: string | null;
};

const READ_ONLY = [
  'urn',
  'apiClient',
  'status',
  'statusReason',
  'statusTimestamp',
  'createdTimestamp',
  'updatedTimestamp',
  'lastDeliveryTimestamp',
  'billableAttempts',
];

/** As it is shown; what it is does not matter. */
const READ_ONLY_VALUE = nullable(union(string(), integer()));

export const SubscriptionPatchSchema = closedObject(
  {
    subject: optional(nullable(FIELDS.subject)),
    event: optional(nullable(FIELDS.event)),
    resource: optional(FIELDS.resource),
    destinationUrl: optional(FIELDS.destinationUrl),
    auth: optional(FIELDS.auth),
    secret: optional(nullable(FIELDS.secret)),
    expirationTimestamp: optional(nullable(FIELDS.expirationTimestamp)),
    eventsPerMinute: optional(nullable(FIELDS.eventsPerMinute)),
    ...Object.fromEntries(READ_ONLY.map((name) => [name, optional(READ_ONLY_VALUE)])),
  },
  {
    description:
      'What is left out stays; the `secret` as it was read, too. What can only be read is not looked at, so that a subscription may be sent back whole.',
  },
);

export interface RenewBody {
  readonly expirationTimestamp?: string | null;
}

export const RenewBodySchema = closedObject({
  expirationTimestamp: optional(nullable(FIELDS.expirationTimestamp)),
});

export const SubjectsSchema = object({
  models: arrayOf(object({ subject: string(), events: arrayOf(oneOf(SUBJECT_EVENTS)) })),
});

export interface SubscriptionView extends DeliveryFacts {
  /** When its API client was revoked; `null`: it was not. */
  readonly clientRevokedAtMs: number | null;
}

export function subscriptionJson(opened: OpenedDestination, view: SubscriptionView) {
  const { destination, credentials, auth } = opened;
  const { subscription, topics, policy, createdAtMs, updatedAtMs } = destination;
  return {
    urn: destination.id,
    apiClient: subscription?.apiClient ?? null,
    ...wordsOf(subscription, topics),
    resource: subscription?.resource ?? null,
    destinationUrl: destination.config['url'] ?? '',
    auth: authWord(subscription, auth?.['method']),
    secret: credentials['secret'] ?? null,
    expirationTimestamp: zonelessOrNull(destination.expiresAtMs ?? null),
    eventsPerMinute: policy.rate_per_minute ?? null,
    ...standing(opened, view),
    createdTimestamp: zonelessOrNull(createdAtMs),
    updatedTimestamp: zonelessOrNull(updatedAtMs),
    lastDeliveryTimestamp: zonelessOrNull(view.lastDeliveryAtMs),
    billableAttempts: view.billableAttempts,
  };
}

function standing(
  { destination: { expiresAtMs }, state }: OpenedDestination,
  { clientRevokedAtMs }: SubscriptionView,
) {
  const { reason, sinceMs } = state;
  if (clientRevokedAtMs !== null) {
    return {
      status: 'STOPPED',
      statusReason: 'api_client_revoked',
      statusTimestamp: zonelessOrNull(clientRevokedAtMs),
    };
  }
  switch (state.status) {
    case 'healthy':
    case 'failing':
      return { status: 'ACTIVE', statusReason: null, statusTimestamp: null };
    case 'disabled':
      return { status: 'STOPPED', statusReason: reason, statusTimestamp: zonelessOrNull(sinceMs) };
    case 'expired': {
      // Else its client has, and it with it.
      const isOwn = expiresAtMs !== null && (sinceMs === null || expiresAtMs <= sinceMs);
      const statusReason = isOwn ? 'expired' : 'api_client_expired';
      return { status: 'EXPIRED', statusReason, statusTimestamp: zonelessOrNull(sinceMs) };
    }
  }
}
