/** A destination's policy, as the API takes and shows it. */
import { WHILE_DISABLED } from '../../domain/ending.ts';
import { ORDER_FAILURES, ORDERS } from '../../domain/order.ts';
import { RATE_COUNTS } from '../../domain/profile.ts';
import {
  arrayOf,
  boolean,
  closedObject,
  integer,
  nullable,
  number,
  oneOf,
  optional,
  union,
} from './json-schema.ts';

const DAY_S = 86_400;

const RETRY_COMMON = {
  jitter: optional(number({ minimum: 0, maximum: 1 })),
  window_s: optional(number({ exclusiveMinimum: 0, maximum: 30 * DAY_S })),
};

const POLICY = {
  timeout_ms: integer({
    minimum: 100,
    maximum: 120_000,
    description: 'Of one attempt, all told.',
  }),
  concurrency: integer({
    minimum: 1,
    maximum: 1000,
    description: 'Attempts at the same time, at most.',
  }),
  rate_per_minute: integer({
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Attempts a minute, at most (see `rate_counts`); what is over it waits and is never dropped.',
  }),
  rate_counts: oneOf(RATE_COUNTS, {
    description:
      'What `rate_per_minute` bounds. `attempts`: first ones and retries together. `first_attempts`: retries do not wait for the rate, and use nothing of it up.',
  }),
  disable: closedObject(
    {
      consecutive_failures: optional(integer({ minimum: 1, maximum: 1_000_000 })),
      without_success_s: optional(number({ minimum: 60, maximum: 365 * DAY_S })),
      on_exhausted: optional(boolean()),
      failure_share: optional(
        closedObject({
          share: number({ exclusiveMinimum: 0, maximum: 1 }),
          window_s: number({ minimum: 60, maximum: 7 * DAY_S }),
          min_attempts: integer({ minimum: 1, maximum: 1_000_000 }),
        }),
      ),
    },
    {
      description:
        'When it is disabled by itself: after so many failed attempts in a row, after so long without a success, when a delivery used up its schedule, or when such a share of the attempts within a window failed.',
    },
  ),
  while_disabled: oneOf(WHILE_DISABLED, {
    description:
      '`drop`: it gets nothing, and nothing is kept. `hold`: its events wait, for as long as they are kept, and are delivered when it is enabled.',
  }),
  order: oneOf(ORDERS, {
    description:
      '`key`: events of one `order_key` (else `resource.urn`) one after the other. `latest`: of one resource only the newest version that waits.',
  }),
  order_on_failure: oneOf(ORDER_FAILURES, {
    description:
      'With `order: key`, what a delivery that failed for good does to those behind it: `skip` lets them pass, `hold` keeps them until somebody retries or cancels it.',
  }),
  retry: union(
    closedObject({
      delays_s: arrayOf(number({ minimum: 0, maximum: 7 * DAY_S }), { maxItems: 100 }),
      ...RETRY_COMMON,
    }),
    closedObject({
      base_s: number({ exclusiveMinimum: 0, maximum: 7 * DAY_S }),
      factor: number({ minimum: 1, maximum: 100 }),
      cap_s: number({ exclusiveMinimum: 0, maximum: 7 * DAY_S }),
      count: integer({ minimum: 0, maximum: 100 }),
      ...RETRY_COMMON,
    }),
  ),
};

export const Policy = closedObject(
  {
    timeout_ms: optional(POLICY.timeout_ms),
    concurrency: optional(POLICY.concurrency),
    rate_per_minute: optional(POLICY.rate_per_minute),
    rate_counts: optional(POLICY.rate_counts),
    order: optional(POLICY.order),
    order_on_failure: optional(POLICY.order_on_failure),
    disable: optional(POLICY.disable),
    while_disabled: optional(POLICY.while_disabled),
    retry: optional(POLICY.retry),
  },
  { description: 'What it wants otherwise than its profile.' },
);

export const PolicyPatch = closedObject(
  {
    timeout_ms: optional(nullable(POLICY.timeout_ms)),
    concurrency: optional(nullable(POLICY.concurrency)),
    rate_per_minute: optional(nullable(POLICY.rate_per_minute)),
    rate_counts: optional(nullable(POLICY.rate_counts)),
    order: optional(nullable(POLICY.order)),
    order_on_failure: optional(nullable(POLICY.order_on_failure)),
    disable: optional(nullable(POLICY.disable)),
    while_disabled: optional(nullable(POLICY.while_disabled)),
    retry: optional(nullable(POLICY.retry)),
  },
  {
    description:
      'Merged; `retry` and `disable` are replaced whole. `null` goes back to the profile’s.',
  },
);
