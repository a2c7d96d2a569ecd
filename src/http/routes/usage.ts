/** Usage: the billable attempts of each day and tenant, by destination or API client. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DAY_S } from '../../domain/granularity.ts';
import { USAGE_DIMENSIONS } from '../../storage/metrics.ts';
import type { UsageDimension, UsageRow } from '../../storage/metrics.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { rowStream } from '../row-stream.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  Listed,
  Time,
  PAGE_PARAMETERS,
  choice,
  queryParameters,
  oneText,
} from '../schemas/fields.ts';
import { string } from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';
import { tenantScope } from '../tenant-scope.ts';
import { formatTime } from '../time.ts';

const CSV = 'text/csv';

const PARAMETERS = {
  from: oneText('The first day (UTC); by default the first of this month.', { format: 'date' }),
  to: oneText('The last day, itself included; by default today.', { format: 'date' }),
  tenant_id: 'Only of these tenants.',
  destination_id: oneText('Only of this destination.'),
  api_client: oneText('Only of this API client’s destinations: its urn.'),
  dimension: choice(
    USAGE_DIMENSIONS,
    'What is told apart beside days and tenants: `destination` by default; `client`: one row for each API client, and one (null) for what belongs to none; `tenant`: nothing else.',
  ),
  format: choice(
    ['json', 'csv'],
    '`json` by default; `csv`: all rows in one file. `Accept: text/csv` asks for it as well.',
  ),
  ...PAGE_PARAMETERS,
};
const PAGING = { defaultLimit: 100, maxLimit: 1000, positionLength: 3 };

export function usageRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage, clock } = engine;

  server.get(
    '/usage',
    {
      config: { operation: 'usage.list' },
      schema: {
        tags: ['metrics'],
        summary: 'Billable attempts by day, tenant, and destination or API client',
        description:
          'Every attempt counts once its record is committed, and never twice; by the day (UTC) on which it began.',
        querystring: queryParameters(PARAMETERS),
        response: {
          200: {
            description: 'Usage.',
            content: {
              'application/json': {
                schema: Listed('Usage', {
                  counted_until: {
                    ...Time,
                    description: 'What was recorded up to this moment is counted.',
                  },
                }),
              },
              [CSV]: { schema: string() },
            },
          },
          ...errorResponses(422),
        },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, Object.keys(PARAMETERS));
      const todayS = Math.floor(clock.nowMs() / 1000 / DAY_S) * DAY_S;
      const fromS = day(query, 'from') ?? monthStartS(todayS);
      const lastS = day(query, 'to') ?? todayS;
      if (fromS > lastS) query.wrong('to', 'range', 'It does not lie before `from`.');
      const filters = {
        tenantIds: tenantScope(request).narrow(query.list('tenant_id')),
        destinationId: query.text('destination_id'),
        apiClient: query.text('api_client'),
        dimension: query.oneOf('dimension', USAGE_DIMENSIONS) ?? 'destination',
        days: { fromS, toS: lastS + DAY_S },
        mayLag: true,
      };
      const format = query.oneOf('format', ['json', 'csv']) ?? acceptedFormat(request);
      const page = pageRequest(query, PAGING);
      query.done();
      if (format === 'csv') {
        const stream = rowStream(
          (each) => storage.usageList({ ...filters, page: each }),
          (rows) => rows.map((row) => csvLine(usageJson(row, filters.dimension))).join(''),
          `${COLUMNS[filters.dimension].join(',')}\n`,
        );
        return reply.type(`${CSV}; charset=utf-8; header=present`).send(stream);
      }
      const found = await storage.usageList({ ...filters, page });
      return {
        models: found.rows.map((row) => usageJson(row, filters.dimension)),
        pagination: pagination(page, found, 'day'),
        counted_until: formatTime(found.countedUntilMs),
      };
    },
  );
}

/** Seconds since the epoch at which the day begins. */
function day(query: Query, name: string): number | null {
  const text = query.text(name);
  if (text === null) return null;
  const timeMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  if (timeMs >= 0 && dayText(timeMs / 1000) === text) return timeMs / 1000;
  query.wrong(name, 'format', 'A day is written as 2026-11-21.');
  return null;
}

function acceptedFormat({ headers }: FastifyRequest): 'json' | 'csv' {
  return headers.accept?.toLowerCase().includes(CSV) === true ? 'csv' : 'json';
}

function monthStartS(timeS: number): number {
  const time = new Date(timeS * 1000);
  return Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), 1) / 1000;
}

const COUNTS = ['billable_attempts', 'failed_attempts'] as const;

/** Of a row, in their order. */
const COLUMNS = {
  destination: ['day', 'tenant_id', 'destination_id', 'destination_type', 'api_client', ...COUNTS],
  client: ['day', 'tenant_id', 'api_client', ...COUNTS],
  tenant: ['day', 'tenant_id', ...COUNTS],
} as const satisfies Record<UsageDimension, readonly string[]>;

function usageJson(row: UsageRow, dimension: UsageDimension): Record<string, Cell> {
  const all = {
    day: dayText(row.dayS),
    tenant_id: row.tenantId,
    destination_id: row.destinationId,
    destination_type: row.destinationType,
    api_client: row.apiClient,
    billable_attempts: row.attempts,
    failed_attempts: row.failed,
  };
  return Object.fromEntries(COLUMNS[dimension].map((name) => [name, all[name]]));
}

type Cell = string | number | null;

function csvLine(row: Readonly<Record<string, Cell>>): string {
  return `${Object.values(row).map(csvField).join(',')}\n`;
}

/** RFC 4180. */
function csvField(value: Cell): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function dayText(timeS: number): string {
  return formatTime(timeS * 1000).slice(0, 10);
}
