/** Replays, as the API shows them, and the bodies that ask for one. */
import { REPLAY_SELECTIONS, REPLAY_STATUSES, STOP_REASONS } from '../../domain/replay.ts';
import type { ReplayCriteria, ReplaySelection } from '../../domain/replay.ts';
import { parseJson, plainJson } from '../../domain/json-value.ts';
import { isTopicPattern } from '../../domain/topic.ts';
import type { ReplayRequest } from '../../engine/manage-replays.ts';
import type { ReplayRecord } from '../../storage/replaying.ts';
import type { FieldError } from '../errors.ts';
import { formatTime, formatTimeOrNull, parseTime } from '../time.ts';
import { Time, TimeOrNull } from './fields.ts';
import {
  anything,
  arrayOf,
  boolean,
  closedObject,
  integer,
  nullable,
  object,
  oneOf,
  optional,
  record,
  string,
} from './json-schema.ts';

// Read here, so that all that is wrong is told at once.
const Bound = string({ description: Time['description'] });
const TimeRange = closedObject(
  { gte: optional(Bound), gt: optional(Bound), lte: optional(Bound), lt: optional(Bound) },
  { minProperties: 1, description: 'Of the events’ time.' },
);

const Select = oneOf([...REPLAY_SELECTIONS], {
  description:
    '`all` (default): every event, also one that the destination never had and wants; `failed`: those whose delivery failed or was canceled; `missed`: those that it wants and never had. What is still pending is left alone.',
});
const Topics = arrayOf(string({ minLength: 1, maxLength: 255 }), {
  minItems: 1,
  maxItems: 1000,
  description: 'Only these topics and patterns such as `user.*`.',
});
const Filter = record(anything, {
  description: 'Only events that match: docs/guides/filters.md.',
});
const Rate = integer({ minimum: 1, maximum: 1_000_000, description: 'Deliveries a minute.' });

/** What `ReplayBodySchema` lets pass. */
export interface ReplayBody {
  readonly tenant_id?: string;
  readonly destination_id?: string;
  readonly time: { readonly [Bound in 'gte' | 'gt' | 'lte' | 'lt']?: string };
  readonly topics?: readonly string[];
  readonly select?: ReplaySelection;
  readonly rate_per_minute?: number;
  readonly dry_run?: boolean;
}

export const ReplayBodySchema = closedObject({
  tenant_id: optional(string({ description: 'A token of a tenant means its own.' })),
  destination_id: optional(
    string({ description: 'Left out, with `select: failed`: all of the tenant’s destinations.' }),
  ),
  time: TimeRange,
  topics: optional(Topics),
  filter: optional(nullable(Filter)),
  select: optional(Select),
  rate_per_minute: optional(Rate),
  dry_run: optional(boolean({ description: 'Only count.' })),
});

const DELIVERIES = (what: string) => integer({ description: what });

export const ReplaySchema = object(
  {
    id: string(),
    tenant_id: string(),
    destination_id: nullable(string()),
    time: object({ gte: optional(Time), lt: optional(Time) }),
    topics: optional(Topics),
    filter: optional(Filter),
    select: Select,
    rate_per_minute: nullable(Rate),
    status: oneOf([...REPLAY_STATUSES], {
      description:
        '`completed`: all that it made due has had its attempt; `stopped`: it could not go on, see `reason`.',
    }),
    reason: nullable(oneOf([...STOP_REASONS])),
    count: DELIVERIES('Deliveries, as they were counted when it was made.'),
    pending: DELIVERIES('Made due, and not attempted yet.'),
    done: DELIVERIES('Delivered.'),
    failed: DELIVERIES('Those whose attempt failed.'),
    canceled: DELIVERIES('Canceled, or superseded by a newer version, before their attempt.'),
    created_by: string(),
    created_at: Time,
    updated_at: Time,
    ended_at: TimeOrNull,
  },
  { $id: 'Replay' },
);

export const ReplayCountSchema = object({
  count: integer({ description: 'Deliveries that it would make due.' }),
});

/** What is wrong is added to `problems`. `filter`: as filter-body.ts gives it. */
export function replayRequest(
  body: ReplayBody,
  tenantId: string | null,
  filter: string | null,
  problems: FieldError[],
): ReplayRequest {
  const { destination_id: destinationId = null, topics = [], select = 'all' } = body;
  if (tenantId === null) {
    const message = 'Whose events? An operator names the tenant.';
    problems.push({ pointer: '/tenant_id', code: 'required', message });
  }
  if (destinationId === null && select !== 'failed') {
    const message = 'To which destination? Only with `select: failed` it may be left out.';
    problems.push({ pointer: '/destination_id', code: 'required', message });
  }
  topics.forEach((topic, index) => {
    if (isTopicPattern(topic)) return;
    const message = 'A topic or pattern has 1 to 255 visible ASCII characters.';
    problems.push({ pointer: `/topics/${index}`, code: 'format', message });
  });
  return {
    tenantId: tenantId ?? '',
    destinationId,
    criteria: { select, time: timeRange(body.time, problems), topics, filter },
    ratePerMinute: body.rate_per_minute ?? null,
  };
}

function timeRange(time: ReplayBody['time'], problems: FieldError[]): ReplayCriteria['time'] {
  const at = (bound: keyof ReplayBody['time'], addMs: number): number[] => {
    const text = time[bound];
    if (text === undefined) return [];
    const timeMs = parseTime(text);
    if (timeMs !== undefined) return [timeMs + addMs];
    const message = 'A time is RFC 3339, such as 2026-11-21T10:00:00Z.';
    problems.push({ pointer: `/time/${bound}`, code: 'format', message });
    return [];
  };
  const from = [...at('gte', 0), ...at('gt', 1)];
  const to = [...at('lt', 0), ...at('lte', 1)];
  return {
    fromMs: from.length === 0 ? null : Math.max(...from),
    toMs: to.length === 0 ? null : Math.min(...to),
  };
}

export function replayJson(replay: ReplayRecord) {
  const { time, topics, filter, select } = replay.criteria;
  return {
    id: replay.id,
    tenant_id: replay.tenantId,
    destination_id: replay.destinationId,
    time: {
      ...(time.fromMs === null ? {} : { gte: formatTime(time.fromMs) }),
      ...(time.toMs === null ? {} : { lt: formatTime(time.toMs) }),
    },
    ...(topics.length === 0 ? {} : { topics }),
    ...(filter === null ? {} : { filter: plainJson(parseJson(filter)) }),
    select,
    rate_per_minute: replay.ratePerMinute,
    status: replay.status,
    reason: replay.reason,
    count: replay.count,
    pending: replay.pending,
    done: replay.done,
    failed: replay.failed,
    canceled: replay.canceled,
    created_by: replay.createdBy,
    created_at: formatTime(replay.createdAtMs),
    updated_at: formatTime(replay.updatedAtMs),
    ended_at: formatTimeOrNull(replay.endedAtMs),
  };
}
