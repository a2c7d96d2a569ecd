/** Destinations, as the API takes and shows them. */
import type { DestinationPolicy } from '../../domain/destination.ts';
import { parseJson, plainJson } from '../../domain/json-value.ts';
import { FORMAT_NAMES } from '../../domain/format.ts';
import type { FormatName } from '../../domain/format.ts';
import {
  HTTP_SIGNATURE_ALGORITHMS,
  HTTP_SIGNATURE_COMPONENTS,
} from '../../domain/http-signature.ts';
import type { HttpSignature } from '../../domain/http-signature.ts';
import { ALL_TOPICS, isTopicPattern } from '../../domain/topic.ts';
import type { FormatChange } from '../../engine/destination-format.ts';
import type {
  DestinationChange,
  NewDestination,
  OpenedDestination,
} from '../../engine/manage-destinations.ts';
import type { PolicyChange } from '../../engine/destination-merge.ts';
import type { FieldError } from '../errors.ts';
import { formatTime, formatTimeOrNull, parseTime } from '../time.ts';
import { Auth, ShownAuth, Warnings } from './destination-auth.ts';
import { Policy, PolicyPatch } from './destination-policy.ts';
import { ExpiresAt, State, stateJson } from './destination-state.ts';
import { SubscriptionPart, subscriptionPart } from './destination-subscription.ts';
import { scheduleJson, ShownSchedule } from './retry-schedule.ts';
import { StringMap, StringMapPatch, Time, TimeOrNull } from './fields.ts';
import {
  anything,
  closedObject,
  arrayOf,
  literal,
  nullable,
  oneOf,
  object,
  optional,
  record,
  string,
  union,
} from './json-schema.ts';

const Topics = {
  description: '`*` for all, also future ones; or a list of topics and patterns such as `user.*`.',
  ...union(
    literal(ALL_TOPICS),
    arrayOf(string({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 1000 }),
  ),
};
const Filter = record(anything, {
  description: 'Which events of its topics it wants: docs/guides/filters.md.',
});

const FormatField = oneOf(FORMAT_NAMES, { description: 'Of the bodies.' });
const Expression = string({
  minLength: 1,
  description: 'JMESPath; of the format `jmespath`: it builds the body.',
});

const HttpSignatureBody = closedObject(
  {
    algorithm: oneOf(HTTP_SIGNATURE_ALGORITHMS, {
      description:
        '`hmac-sha256`: by the destination’s signing secrets; `ed25519`: by the instance’s key (`/.well-known/jwks.json`).',
    }),
    components: optional(
      arrayOf(oneOf(HTTP_SIGNATURE_COMPONENTS), {
        minItems: 1,
        uniqueItems: true,
        description: 'What is covered; all by default.',
      }),
    ),
  },
  { description: 'HTTP message signatures (RFC 9421), beside the signature of the profile.' },
);
const Fields = record(anything, { maxProperties: 100 });
const ConfigFields = record(anything, {
  maxProperties: 100,
  description:
    'The fields of its type (`GET /destination-types`). `custom_headers` of a webhook go out with each request, and replace `user-agent`, `content-type` and those headers of the profile that only inform; what frames, signs or authenticates the message is refused with the reason.',
});

type HttpSignatureGiven = Pick<HttpSignature, 'algorithm'> & Partial<HttpSignature>;

/** What `DestinationBodySchema` lets pass. */
export interface DestinationBody {
  readonly id?: string;
  readonly type: string;
  readonly name?: string;
  readonly profile?: string;
  readonly format?: FormatName;
  readonly expression?: string;
  readonly http_signature?: HttpSignatureGiven | null;
  readonly topics: string | readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly credentials?: Readonly<Record<string, unknown>>;
  readonly auth?: Readonly<Record<string, unknown>> | null;
  readonly delivery_metadata?: Readonly<Record<string, string>> | null;
  readonly metadata?: Readonly<Record<string, string>> | null;
  readonly policy?: DestinationPolicy;
  readonly disabled_at?: string | null;
  readonly expires_at?: string | null;
}

export const DestinationBodySchema = closedObject(
  {
    // Not `.` or `..`, which paths do not lead to.
    id: optional(string({ pattern: '^(?!\\.{1,2}$)[\\x21-\\x7e]{1,255}$' })),
    type: string(),
    name: optional(string({ maxLength: 255 })),
    profile: optional(string()),
    format: optional(FormatField),
    expression: optional(Expression),
    http_signature: optional(nullable(HttpSignatureBody)),
    topics: Topics,
    filter: optional(nullable(Filter)),
    config: optional(ConfigFields),
    credentials: optional(Fields),
    auth: optional(nullable(Auth)),
    delivery_metadata: optional(nullable(StringMap)),
    metadata: optional(nullable(StringMap)),
    policy: optional(Policy),
    disabled_at: optional(TimeOrNull),
    expires_at: optional(ExpiresAt),
  },
  {
    examples: [
      {
        type: 'webhook',
        topics: ['user.*'],
        config: { url: 'https://example.com/webhooks' },
        filter: { data: { plan: 'gold' } },
        metadata: { team: 'billing' },
      },
    ],
  },
);

/** What `DestinationPatchSchema` lets pass. */
export interface DestinationPatch {
  readonly type?: string;
  readonly name?: string | null;
  readonly profile?: string | null;
  readonly format?: FormatName | null;
  readonly expression?: string | null;
  readonly http_signature?: HttpSignatureGiven | null;
  readonly topics?: string | readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly credentials?: Readonly<Record<string, unknown>>;
  readonly auth?: Readonly<Record<string, unknown>> | null;
  readonly delivery_metadata?: Readonly<Record<string, string | null>> | null;
  readonly metadata?: Readonly<Record<string, string | null>> | null;
  readonly policy?: PolicyChange | null;
  readonly disabled_at?: string | null;
  readonly expires_at?: string | null;
}

export const DestinationPatchSchema = closedObject(
  {
    type: optional(string()),
    name: optional(nullable(string({ maxLength: 255 }))),
    profile: optional(nullable(string())),
    format: optional(nullable(FormatField)),
    expression: optional(nullable(Expression)),
    http_signature: optional(nullable(HttpSignatureBody)),
    topics: optional(Topics),
    filter: optional(nullable(Filter, { description: 'Replaced whole; `{}` or null: none.' })),
    config: optional(ConfigFields),
    credentials: optional(Fields),
    auth: optional(nullable(Auth)),
    delivery_metadata: optional(nullable(StringMapPatch)),
    metadata: optional(nullable(StringMapPatch)),
    policy: optional(nullable(PolicyPatch)),
    disabled_at: optional(TimeOrNull),
    expires_at: optional(ExpiresAt),
  },
  { description: 'A JSON merge patch (RFC 7396); what is left out stays.' },
);

export const DestinationSchema = object(
  {
    id: string(),
    type: string(),
    name: optional(string()),
    profile: optional(string()),
    format: optional(FormatField),
    expression: optional(Expression),
    http_signature: optional(HttpSignatureBody),
    topics: Topics,
    filter: optional(Filter),
    config: record(string()),
    credentials: record(string()),
    auth: optional(ShownAuth),
    warnings: optional(Warnings),
    delivery_metadata: optional(StringMap),
    metadata: optional(StringMap),
    policy: optional(Policy),
    target: string({ description: 'Where it delivers to, as people read it.' }),
    target_url: string(),
    created_at: Time,
    updated_at: Time,
    disabled_at: TimeOrNull,
    expires_at: TimeOrNull,
    subscription: optional(SubscriptionPart),
    state: State,
    retry_schedule: ShownSchedule,
  },
  { $id: 'Destination' },
);

export function destinationJson(opened: OpenedDestination) {
  const { destination, credentials, auth, warnings, type, state, schedule } = opened;
  const { target, targetUrl } = type?.describeTarget(destination.config) ?? {
    target: '',
    targetUrl: '',
  };
  return {
    id: destination.id,
    type: destination.type,
    ...(destination.name === null ? {} : { name: destination.name }),
    ...(destination.profile === null ? {} : { profile: destination.profile }),
    ...(destination.format.name === 'profile' ? {} : { format: destination.format.name }),
    ...(destination.format.name === 'jmespath'
      ? { expression: destination.format.expression }
      : {}),
    ...(destination.httpSignature === null ? {} : { http_signature: destination.httpSignature }),
    topics: isAll(destination.topics) ? ALL_TOPICS : destination.topics,
    ...(destination.filter === null ? {} : { filter: plainJson(parseJson(destination.filter)) }),
    config: destination.config,
    credentials,
    ...(auth === null ? {} : { auth }),
    ...(warnings.length === 0 ? {} : { warnings }),
    ...(destination.deliveryMetadata === null
      ? {}
      : { delivery_metadata: destination.deliveryMetadata }),
    ...(destination.metadata === null ? {} : { metadata: destination.metadata }),
    ...(Object.keys(destination.policy).length === 0 ? {} : { policy: destination.policy }),
    target,
    target_url: targetUrl,
    created_at: formatTime(destination.createdAtMs),
    updated_at: formatTime(destination.updatedAtMs),
    disabled_at: formatTimeOrNull(destination.disabledAtMs),
    expires_at: formatTimeOrNull(destination.expiresAtMs),
    ...subscriptionPart(destination.subscription ?? null),
    state: stateJson(state),
    retry_schedule: scheduleJson(schedule),
  };
}

/** A body that has passed its schema, as the engine takes it; its filter is read from the bytes (filter-body.ts). Problems that no schema can say are added to `problems`. */
export function newDestination(
  tenantId: string,
  body: DestinationBody,
  filter: string | null,
  problems: FieldError[],
): NewDestination {
  return {
    tenantId,
    id: body.id ?? null,
    type: body.type,
    name: body.name ?? null,
    profile: body.profile ?? null,
    ...formatChange(body),
    httpSignature: httpSignature(body.http_signature ?? null),
    topics: topicsOf(body.topics, problems),
    filter,
    config: body.config ?? {},
    credentials: body.credentials ?? {},
    auth: body.auth ?? null,
    deliveryMetadata: body.delivery_metadata ?? null,
    metadata: body.metadata ?? null,
    policy: body.policy ?? {},
    disabledAtMs: timeOf('disabled_at', body.disabled_at ?? null, problems),
    ...(body.expires_at === undefined
      ? {}
      : { expiresAtMs: timeOf('expires_at', body.expires_at, problems) }),
  };
}

export function destinationChange(
  body: DestinationPatch,
  filter: string | null | undefined,
  problems: FieldError[],
): DestinationChange {
  return {
    ...(body.type === undefined ? {} : { type: body.type }),
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.profile === undefined ? {} : { profile: body.profile }),
    ...formatChange(body),
    ...(body.http_signature === undefined
      ? {}
      : { httpSignature: httpSignature(body.http_signature) }),
    ...(body.topics === undefined ? {} : { topics: topicsOf(body.topics, problems) }),
    ...(filter === undefined ? {} : { filter }),
    ...(body.config === undefined ? {} : { config: body.config }),
    ...(body.credentials === undefined ? {} : { credentials: body.credentials }),
    ...(body.auth === undefined ? {} : { auth: body.auth }),
    ...(body.delivery_metadata === undefined ? {} : { deliveryMetadata: body.delivery_metadata }),
    ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
    ...(body.policy === undefined ? {} : { policy: body.policy }),
    ...(body.disabled_at === undefined
      ? {}
      : { disabledAtMs: timeOf('disabled_at', body.disabled_at, problems) }),
    ...(body.expires_at === undefined
      ? {}
      : { expiresAtMs: timeOf('expires_at', body.expires_at, problems) }),
  };
}

function formatChange({ format, expression }: DestinationPatch): FormatChange {
  return {
    ...(format === undefined ? {} : { format }),
    ...(expression === undefined ? {} : { expression }),
  };
}

function httpSignature(given: HttpSignatureGiven | null): HttpSignature | null {
  return given === null ? null : { components: HTTP_SIGNATURE_COMPONENTS, ...given };
}

function topicsOf(topics: string | readonly string[], problems: FieldError[]): readonly string[] {
  const list = typeof topics === 'string' ? [topics] : topics;
  list.forEach((topic, index) => {
    if (isTopicPattern(topic)) return;
    const message = 'A topic has 1 to 255 visible ASCII characters.';
    problems.push({ pointer: `/topics/${index}`, code: 'format', message });
  });
  return isAll(list) ? [ALL_TOPICS] : [...new Set(list)];
}

function timeOf(field: string, text: string | null, problems: FieldError[]): number | null {
  if (text === null) return null;
  const timeMs = parseTime(text);
  if (timeMs !== undefined) return timeMs;
  problems.push({
    pointer: `/${field}`,
    code: 'format',
    message: 'A time is RFC 3339, such as 2026-11-21T10:00:00Z, or null.',
  });
  return null;
}

function isAll(topics: readonly string[]): boolean {
  return topics.length === 1 && topics[0] === ALL_TOPICS;
}
