/** Destinations, as the API takes and shows them. */
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { DestinationPolicy } from '../../domain/destination.ts';
import { ALL_TOPICS, isTopicPattern } from '../../domain/topic.ts';
import type {
  DestinationChange,
  NewDestination,
  OpenedDestination,
} from '../../engine/manage-destinations.ts';
import type { FieldError } from '../errors.ts';
import { formatTime, formatTimeOrNull, parseTime } from '../time.ts';
import { StringMap, StringMapPatch, Time, TimeOrNull } from './fields.ts';

const DAY_S = 86_400;

const RetryCommon = {
  jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  window_s: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 30 * DAY_S })),
};

const Policy = Type.Object(
  {
    timeout_ms: Type.Optional(
      Type.Integer({ minimum: 100, maximum: 120_000, description: 'Of one attempt, all told.' }),
    ),
    concurrency: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: 'Attempts at the same time, at most.',
      }),
    ),
    retry: Type.Optional(
      Type.Union([
        Type.Object(
          {
            delays_s: Type.Array(Type.Number({ minimum: 0, maximum: 7 * DAY_S }), {
              maxItems: 100,
            }),
            ...RetryCommon,
          },
          { additionalProperties: false },
        ),
        Type.Object(
          {
            base_s: Type.Number({ exclusiveMinimum: 0, maximum: 7 * DAY_S }),
            factor: Type.Number({ minimum: 1, maximum: 100 }),
            cap_s: Type.Number({ exclusiveMinimum: 0, maximum: 7 * DAY_S }),
            count: Type.Integer({ minimum: 0, maximum: 100 }),
            ...RetryCommon,
          },
          { additionalProperties: false },
        ),
      ]),
    ),
  },
  { additionalProperties: false, description: 'What it wants otherwise than its profile.' },
);

const TopicPattern = Type.String({ minLength: 1, maxLength: 255 });
const Topics = Type.Union(
  [Type.Literal(ALL_TOPICS), Type.Array(TopicPattern, { minItems: 1, maxItems: 1000 })],
  {
    description:
      '`*` for all, also future ones; or a list of topics and patterns such as `user.*`.',
  },
);
const Fields = Type.Record(Type.String(), Type.Unknown(), { maxProperties: 100 });

export const DestinationBody = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]{1,255}$' })),
    type: Type.String(),
    name: Type.Optional(Type.String({ maxLength: 255 })),
    profile: Type.Optional(Type.String()),
    topics: Topics,
    config: Type.Optional(Fields),
    credentials: Type.Optional(Fields),
    delivery_metadata: Type.Optional(Type.Union([StringMap, Type.Null()])),
    metadata: Type.Optional(Type.Union([StringMap, Type.Null()])),
    policy: Type.Optional(Policy),
    disabled_at: Type.Optional(TimeOrNull),
  },
  { additionalProperties: false },
);

export const DestinationPatch = Type.Object(
  {
    type: Type.Optional(Type.String()),
    name: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
    profile: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    topics: Type.Optional(Topics),
    config: Type.Optional(Fields),
    credentials: Type.Optional(Fields),
    delivery_metadata: Type.Optional(Type.Union([StringMapPatch, Type.Null()])),
    metadata: Type.Optional(Type.Union([StringMapPatch, Type.Null()])),
    policy: Type.Optional(Type.Union([Policy, Type.Null()])),
    disabled_at: Type.Optional(TimeOrNull),
  },
  {
    additionalProperties: false,
    description: 'A JSON merge patch (RFC 7396); what is left out stays.',
  },
);

export const DestinationSchema = Type.Object(
  {
    id: Type.String(),
    type: Type.String(),
    name: Type.Optional(Type.String()),
    profile: Type.Optional(Type.String()),
    topics: Topics,
    config: Type.Record(Type.String(), Type.String()),
    credentials: Type.Record(Type.String(), Type.String()),
    delivery_metadata: Type.Optional(StringMap),
    metadata: Type.Optional(StringMap),
    policy: Type.Optional(Policy),
    target: Type.String({ description: 'Where it delivers to, as people read it.' }),
    target_url: Type.String(),
    created_at: Time,
    updated_at: Time,
    disabled_at: TimeOrNull,
  },
  { $id: 'Destination' },
);

export function destinationJson({ destination, credentials, type }: OpenedDestination) {
  const { target, targetUrl } = type?.describeTarget(destination.config) ?? {
    target: '',
    targetUrl: '',
  };
  return {
    id: destination.id,
    type: destination.type,
    ...(destination.name === null ? {} : { name: destination.name }),
    ...(destination.profile === null ? {} : { profile: destination.profile }),
    topics: isAll(destination.topics) ? ALL_TOPICS : destination.topics,
    config: destination.config,
    credentials,
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
  };
}

/** A body that has passed its schema, as the engine takes it. Problems that no schema can say are added to `problems`. */
export function newDestination(
  tenantId: string,
  body: Static<typeof DestinationBody>,
  problems: FieldError[],
): NewDestination {
  return {
    tenantId,
    id: body.id ?? null,
    type: body.type,
    name: body.name ?? null,
    profile: body.profile ?? null,
    topics: topicsOf(body.topics, problems),
    config: body.config ?? {},
    credentials: body.credentials ?? {},
    deliveryMetadata: body.delivery_metadata ?? null,
    metadata: body.metadata ?? null,
    policy: policyOf(body.policy),
    disabledAtMs: timeOf(body.disabled_at ?? null, problems),
  };
}

export function destinationChange(
  body: Static<typeof DestinationPatch>,
  problems: FieldError[],
): DestinationChange {
  return {
    ...(body.type === undefined ? {} : { type: body.type }),
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.profile === undefined ? {} : { profile: body.profile }),
    ...(body.topics === undefined ? {} : { topics: topicsOf(body.topics, problems) }),
    ...(body.config === undefined ? {} : { config: body.config }),
    ...(body.credentials === undefined ? {} : { credentials: body.credentials }),
    ...(body.delivery_metadata === undefined ? {} : { deliveryMetadata: body.delivery_metadata }),
    ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
    ...(body.policy === undefined
      ? {}
      : { policy: body.policy === null ? null : policyOf(body.policy) }),
    ...(body.disabled_at === undefined ? {} : { disabledAtMs: timeOf(body.disabled_at, problems) }),
  };
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

function timeOf(text: string | null, problems: FieldError[]): number | null {
  if (text === null) return null;
  const timeMs = parseTime(text);
  if (timeMs !== undefined) return timeMs;
  problems.push({
    pointer: '/disabled_at',
    code: 'format',
    message: 'A time is RFC 3339, such as 2026-11-21T10:00:00Z, or null.',
  });
  return null;
}

/** The schema has let only what a policy may hold pass. */
function policyOf(policy: Static<typeof Policy> | undefined): DestinationPolicy {
  return (policy ?? {}) as DestinationPolicy;
}

function isAll(topics: readonly string[]): boolean {
  return topics.length === 1 && topics[0] === ALL_TOPICS;
}
