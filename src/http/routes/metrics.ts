/** Metrics: what was published and attempted over time, from the roll-ups. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fixedBuckets, HOUR_S } from '../../domain/granularity.ts';
import { ATTEMPT_DIMENSIONS, EVENT_DIMENSIONS } from '../../domain/metrics.ts';
import type { MetricsResult } from '../../storage/metrics.ts';
import { validationFailed } from '../errors.ts';
import {
  ATTEMPT_MEASURES,
  attemptMeasure,
  EVENT_MEASURES,
  eventMeasure,
  metricsAnswer,
} from '../metrics-answer.ts';
import { metricsParameters, metricsRequest } from '../metrics-request.ts';
import type { MetricsRequest } from '../metrics-request.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { ref } from '../schemas/json-schema.ts';
import { queryParameters } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';
import { tenantScope } from '../tenant-scope.ts';
import { formatTime } from '../time.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** More than counts are kept: what lies further back is zero. */
const OLDEST_MS = 400 * DAY_MS;
/** Events may bear a time to come. */
const LATEST_MS = 3660 * DAY_MS;

const EVENT_PARAMETERS = metricsParameters(EVENT_MEASURES, EVENT_DIMENSIONS);
const ATTEMPT_PARAMETERS = metricsParameters(ATTEMPT_MEASURES, ATTEMPT_DIMENSIONS);

export function metricsRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage, clock } = engine;

  server.get(
    '/metrics/events',
    {
      config: { operation: 'metrics.events' },
      schema: {
        tags: ['metrics'],
        summary: 'Count events over time',
        description:
          'By the time that events bear. By destination, an event counts once for each that was owed it.',
        querystring: queryParameters(EVENT_PARAMETERS),
        response: { 200: ref('Metrics'), ...errorResponses(422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(EVENT_PARAMETERS));
      const asked = metricsRequest(query, EVENT_MEASURES, EVENT_DIMENSIONS);
      const startMs = clock.monotonicMs();
      const found = await storage.metricsEvents(questionOf(request, asked));
      mustBeKnown(asked, found);
      const nothing = (head: Head) => ({ ...head, count: 0 });
      return metricsAnswer(asked, found, clock.monotonicMs() - startMs, nothing, eventMeasure);
    },
  );

  server.get(
    '/metrics/attempts',
    {
      config: { operation: 'metrics.attempts' },
      schema: {
        tags: ['metrics'],
        summary: 'Count attempts over time, and how long they took',
        description:
          'By the time at which attempts began. Latencies are in milliseconds, and at most 2 % off; rates are per second.',
        querystring: queryParameters(ATTEMPT_PARAMETERS),
        response: { 200: ref('Metrics'), ...errorResponses(422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(ATTEMPT_PARAMETERS));
      const asked = metricsRequest(query, ATTEMPT_MEASURES, ATTEMPT_DIMENSIONS);
      const startMs = clock.monotonicMs();
      const withLatency = asked.measures.some((name) => name.startsWith('latency_'));
      const found = await storage.metricsAttempts({ ...questionOf(request, asked), withLatency });
      mustBeKnown(asked, found);
      const queryTimeMs = clock.monotonicMs() - startMs;
      return metricsAnswer(asked, found, queryTimeMs, noAttempts, attemptMeasure);
    },
  );

  function questionOf<Dimension extends string>(
    request: FastifyRequest,
    asked: MetricsRequest<string, Dimension | 'tenant_id'>,
  ) {
    const nowMs = clock.nowMs();
    return {
      fromMs: Math.max(asked.startMs, nowMs - OLDEST_MS),
      toMs: Math.min(asked.endMs, nowMs + LATEST_MS),
      granularity: asked.granularity?.value ?? null,
      dimensions: asked.dimensions,
      mayLag: true,
      filters: {
        ...asked.filters,
        tenant_id: tenantScope(request).narrow(asked.filters.tenant_id),
      },
    };
  }
}

interface Head {
  readonly bucketS: number | null;
  readonly dimensions: readonly string[];
}

function noAttempts(head: Head) {
  return { ...head, count: 0, failed: 0, first: 0, manual: 0, numberSum: 0, latencies: [] };
}

/** Zeros for what is no longer known by the minute would be wrong. */
function mustBeKnown(
  { granularity, startMs }: MetricsRequest<string, string>,
  { minutesFromMs }: MetricsResult<unknown>,
): void {
  const fixed = granularity === null ? null : fixedBuckets(granularity.value);
  if (fixed === null || fixed.widthS % HOUR_S === 0 || startMs >= minutesFromMs) return;
  throw validationFailed([
    {
      pointer: '?granularity',
      code: 'too_fine',
      message: `Before ${formatTime(minutesFromMs)} metrics are kept by the hour: take \`1h\` or more, or start later.`,
    },
  ]);
}
