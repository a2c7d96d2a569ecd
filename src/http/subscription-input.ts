/** From the body of a webhook subscription to the destination that it means. Problems are added up, with Baack's names. */
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from '../domain/api-client.ts';
import { newUuid } from '../domain/id.ts';
import { mayTake, SUBJECT_EVENTS, topicsOf } from '../domain/subject.ts';
import type { SubjectEvent } from '../domain/subject.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Engine } from '../engine/engine.ts';
import type {
  DestinationChange,
  NewDestination,
  OpenedDestination,
} from '../engine/manage-destinations.ts';
import { ApiError, validationFailed } from './errors.ts';
import type { FieldError } from './errors.ts';
import { DEFAULT_MAX_RATE } from './schemas/webhook-subscription.ts';
import type { SubscriptionBody, SubscriptionPatch } from './schemas/webhook-subscription.ts';
import {
  checkWords,
  clientAuthOf,
  endOf,
  MAX_LIFETIME_MS,
  topicNames,
  wordsOf,
  zonelessOrNull,
} from './subscription-words.ts';
import type { SubscriptionAuth } from './subscription-words.ts';

/** Where a subscription has what is wrong with its destination. */
export const POINTERS = [
  ['/config', '/destinationUrl'],
  ['/credentials', '/secret'],
  ['/auth', '/auth'],
  ['/topics', '/subject'],
] as const;

/** `client`: the one that was named; it is of the caller's. */
export async function newSubscription(
  engine: Engine,
  client: ApiClient,
  body: SubscriptionBody,
): Promise<NewDestination> {
  const { clock, random, catalogue } = engine;
  const { subject, event, auth = 'HMAC_SHA256', resource = null } = body;
  const end = body.expirationTimestamp ?? null;
  const nowMs = clock.nowMs();
  const problems: FieldError[] = [];
  checkWords({ subject, event }, catalogue, problems);
  checkAuth(auth, client, problems);
  await checkRate(engine, client.tenantId, body.eventsPerMinute, problems);
  const expiresAtMs = end === null ? nowMs + MAX_LIFETIME_MS : endOf(end, nowMs, problems);
  if (problems.length > 0) throw validationFailed(problems);
  mustBePermitted(client, subject, event);
  return {
    tenantId: client.tenantId,
    id: newUuid(random),
    type: 'webhook',
    name: null,
    profile: 'baack',
    httpSignature: null,
    topics: topicsOf(subject, event, topicNames(catalogue)),
    filter: null,
    config: { url: body.destinationUrl },
    credentials: { secret: body.secret },
    auth: null,
    deliveryMetadata: null,
    metadata: null,
    policy: { rate_per_minute: body.eventsPerMinute },
    subscription: {
      apiClient: client.urn,
      auth: clientAuthOf(auth),
      words: { subject, event },
      resource,
    },
    expiresAtMs,
    disabledAtMs: null,
  };
}

/** `client`: its own; `null`: it has none, or that was revoked. */
export async function subscriptionChange(
  engine: Engine,
  client: ApiClient | null,
  { destination, auth: ownAuth }: OpenedDestination,
  body: SubscriptionPatch,
): Promise<DestinationChange> {
  const before = destination.subscription ?? NO_SUBSCRIPTION;
  const problems: FieldError[] = [];
  const words = changedWords(engine, destination, body, problems);
  const auth = body.auth === undefined ? before.auth : clientAuthOf(body.auth);
  if (body.auth !== undefined && auth !== before.auth) checkAuth(body.auth, client, problems);
  const rate = body.eventsPerMinute ?? null;
  const secret = body.secret ?? null;
  if (rate !== null && rate !== destination.policy.rate_per_minute)
    await checkRate(engine, destination.tenantId, rate, problems);
  const end = body.expirationTimestamp ?? null;
  const isNewEnd = end !== null && end !== zonelessOrNull(destination.expiresAtMs ?? null);
  const expiresAtMs = isNewEnd ? endOf(end, engine.clock.nowMs(), problems) : undefined;
  if (problems.length > 0) throw validationFailed(problems);
  if (words !== null && client !== null) mustBePermitted(client, words.subject, words.event);
  const subscription: Subscription = {
    ...before,
    auth,
    words: words ?? before.words,
    resource: body.resource === undefined ? before.resource : body.resource,
  };
  return {
    ...(words === null
      ? {}
      : { topics: topicsOf(words.subject, words.event, topicNames(engine.catalogue)) }),
    ...(body.destinationUrl === undefined ? {} : { config: { url: body.destinationUrl } }),
    ...(secret === null ? {} : { credentials: { secret } }),
    // From what was set at another door to the signature alone.
    ...(body.auth === 'HMAC_SHA256' && before.auth === 'none' && ownAuth !== null
      ? { auth: null }
      : {}),
    ...(rate === null ? {} : { policy: { rate_per_minute: rate } }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(isDeepStrictEqual(subscription, before) ? {} : { subscription }),
  };
}

const NO_SUBSCRIPTION: Subscription = {
  apiClient: null,
  auth: 'none',
  words: null,
  resource: null,
};

/** `null`: they stay. One that is left out, or `null`, stays. */
function changedWords(
  { catalogue }: Engine,
  { subscription, topics }: OpenedDestination['destination'],
  body: SubscriptionPatch,
  problems: FieldError[],
): { subject: string; event: SubjectEvent } | null {
  const before = wordsOf(subscription, topics);
  const subject = body.subject ?? before.subject;
  const event = body.event ?? before.event;
  if (subject === before.subject && event === before.event) return null;
  const known = SUBJECT_EVENTS.find((each) => each === event);
  if (subject === null || known === undefined) {
    const pointer = subject === null ? '/subject' : '/event';
    const message = 'It has no subject and event yet: give both.';
    problems.push({ pointer, code: 'required', message });
    return null;
  }
  checkWords({ subject, event: known }, catalogue, problems);
  return { subject, event: known };
}

function checkAuth(auth: SubscriptionAuth, client: ApiClient | null, problems: FieldError[]): void {
  if (auth === 'HMAC_SHA256') return;
  const wrong = (code: string, message: string) =>
    void problems.push({ pointer: '/auth', code, message });
  if (client === null)
    wrong('no_api_client', 'It has no API client whose credentials could be sent.');
  else if (auth === 'MTLS' && client.certificateExpiresAtMs === null)
    wrong(
      'no_certificate',
      `The API client has no certificate: give it one at PUT /apiclients/${client.urn}/client-certificate first.`,
    );
}

async function checkRate(
  { storage }: Engine,
  tenantId: string,
  rate: number,
  problems: FieldError[],
): Promise<void> {
  const defaults = await storage.tenantDefaultsGet({ id: tenantId });
  const max = defaults?.settings.limits?.events_per_minute ?? DEFAULT_MAX_RATE;
  if (rate <= max) return;
  const message = `It is a whole number from 1 to ${max}; the operator may raise that.`;
  problems.push({ pointer: '/eventsPerMinute', code: 'maximum', message });
}

function mustBePermitted({ permissions }: ApiClient, subject: string, event: SubjectEvent): void {
  if (!mayTake(permissions, { subject, event })) throw new ApiError('client_permission');
}
