/** The catalogue of operator events: what each topic says, and its data as JSON Schema. It is no part of the operator's own. */
import { DISABLED_REASONS } from '../domain/ending.ts';
import type { NoticeTopic } from '../domain/notice.ts';

export interface OperatorTopic {
  readonly description: string;
  /** Of the event's `data`; all members are always there. */
  readonly properties: Readonly<Record<string, object>>;
}

const TEXT = { type: 'string' };
const TIME = { type: 'string', format: 'date-time' };
const COUNT = { type: 'integer', minimum: 0 };
const COMMON = { tenant_id: TEXT, destination_id: TEXT, at: TIME };
const OF_DELIVERY = { ...COMMON, delivery_id: TEXT, event_id: TEXT, topic: TEXT, code: TEXT };

export const OPERATOR_TOPICS: Readonly<Record<NoticeTopic, OperatorTopic>> = {
  'destination.failing': {
    description:
      'Three attempts in a row failed (`percent` is null), or failures are 50, 70 or 90 % on the way to disabling it.',
    properties: {
      ...COMMON,
      consecutive_failures: COUNT,
      failing_since: TIME,
      percent: { enum: [null, 50, 70, 90] },
    },
  },
  'destination.recovered': {
    description: 'The first success after it was told that it fails.',
    properties: COMMON,
  },
  'destination.disabled': {
    description:
      'It was disabled by its rule, or because its receiver asked for it; never by hand.',
    properties: {
      ...COMMON,
      reason: { enum: DISABLED_REASONS.filter((each) => each !== 'by_hand' && each !== 'expired') },
      consecutive_failures: COUNT,
    },
  },
  'destination.unsubscribed': {
    description: 'Its receiver answered 410, and its profile deletes it then.',
    properties: COMMON,
  },
  'destination.expiring': {
    description: 'Its time is over in 7 days, or in 1.',
    properties: { ...COMMON, expires_at: TIME, days_left: { enum: [7, 1] } },
  },
  'destination.expired': {
    description: 'Its time is over.',
    properties: { ...COMMON, expires_at: TIME },
  },
  'delivery.failed': {
    description: 'A delivery failed for good: no other attempt follows.',
    properties: { ...OF_DELIVERY, attempts: COUNT },
  },
  'attempt.delivered': {
    description:
      'An attempt was delivered. Only for destinations that name this topic; `*` does not.',
    properties: { ...OF_DELIVERY, attempt: COUNT },
  },
  'attempt.failed': {
    description: 'An attempt failed. Only for destinations that name this topic; `*` does not.',
    properties: { ...OF_DELIVERY, attempt: COUNT },
  },
};

export function operatorTopicSchema({ properties }: OperatorTopic): object {
  return {
    type: 'object',
    required: Object.keys(properties),
    properties,
    additionalProperties: false,
  };
}

/** `docs/reference/operator-events.md`. */
export function operatorEventsReference(): string {
  const parts = Object.entries(OPERATOR_TOPICS).flatMap(([topic, each]) => [
    `## ${topic}`,
    '',
    each.description,
    '',
    '```json',
    JSON.stringify(operatorTopicSchema(each), null, 2),
    '```',
    '',
  ]);
  return [
    '<!-- Written by `npm run generate` from src/engine/operator-catalogue.ts. -->',
    '',
    '# Operator events',
    '',
    'What happens to tenants’ destinations, published to destinations of the tenant `_operator`',
    '([guide](../guides/failing-destinations.md#operator-events)). Each topic with the JSON Schema of its `data`.',
    '',
    ...parts,
  ].join('\n');
}
