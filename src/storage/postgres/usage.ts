/** Usage: the attempts of each day, by tenant, API client or destination, from the roll-ups by day. */
import { DAY_S } from '../../domain/granularity.ts';
import { ingestedAtMs } from '../../domain/event.ts';
import type { MetricsStorage, UsageDimension, UsageRow } from '../metrics.ts';
import { CUBES } from '../rollup-count.ts';
import { tenantNos } from './events.ts';
import type { Operation } from './operation.ts';
import { equals, isOneOf, listPage, textOrNull } from './page.ts';
import type { Row } from './session.ts';

interface Shape {
  /** Number of what is told apart within a day and tenant; it is the last part of a row's position. */
  readonly key: string;
  readonly columns: string;
  /** Rows that are one; `null`: each is one. */
  readonly groupBy: string | null;
}

const SHAPES: Record<UsageDimension, Shape> = {
  destination: {
    key: 'destination_no',
    columns:
      'destinations.id AS destination_id, destinations.type AS type, api_client, count, failed_count',
    groupBy: null,
  },
  client: {
    key: 'coalesce(api_clients.no, 0)',
    columns: 'api_client, sum(count) AS count, sum(failed_count) AS failed_count',
    groupBy:
      'start_s, rollups.tenant_no, tenants.id, coalesce(api_clients.no, 0), destinations.api_client',
  },
  tenant: {
    key: '0',
    columns: 'sum(count) AS count, sum(failed_count) AS failed_count',
    groupBy: 'start_s, rollups.tenant_no, tenants.id',
  },
};

export const usageList: Operation<MetricsStorage['usageList']> = async (
  session,
  { tenantIds, destinationId, apiClient, days, dimension, page },
) => {
  const { key, columns, groupBy } = SHAPES[dimension];
  const conditions = [
    { sql: `width_s = ${DAY_S} AND cube = ${CUBES.destination}`, values: [] },
    // Days begin with whole seconds.
    { sql: 'start_s >= ? AND start_s < ?', values: [Math.ceil(days.fromS), Math.ceil(days.toS)] },
    ...isOneOf('rollups.tenant_no', await tenantNos(session, tenantIds)),
    ...equals('destinations.id', destinationId),
    ...equals('api_client', apiClient),
  ];
  const found = await listPage(session, {
    select: `
      SELECT start_s, rollups.tenant_no AS tenant_no, ${key} AS key, tenants.id AS tenant_id, ${columns}
      FROM attempt_rollups AS rollups
      JOIN tenants ON tenants.no = rollups.tenant_no
      JOIN destinations ON destinations.tenant_no = rollups.tenant_no AND destinations.no = destination_no
      ${dimension === 'client' ? 'LEFT JOIN api_clients ON api_clients.tenant_no = rollups.tenant_no AND urn = api_client' : ''}`,
    conditions,
    // A number here would be that of a column.
    orderBy: ['start_s', 'rollups.tenant_no', ...(dimension === 'tenant' ? [] : [key])],
    ...(groupBy === null ? {} : { groupBy }),
    page: dimension === 'tenant' ? withoutKey(page) : page,
    read: usageRow,
  });
  const counted = await session.row('SELECT from_seq FROM rollup_progress');
  return { ...found, countedUntilMs: ingestedAtMs(Number(counted?.['from_seq'])) };
};

type PageOf = Parameters<MetricsStorage['usageList']>[0]['page'];

/** There is one row of a tenant and day: its position has two parts, and one that tells nothing. */
function withoutKey(page: PageOf): PageOf {
  if (page.from === null) return page;
  return { ...page, from: { ...page.from, position: page.from.position.slice(0, 2) } };
}

function usageRow(row: Row): UsageRow {
  return {
    dayS: Number(row['start_s']),
    tenantId: String(row['tenant_id']),
    destinationId: textOrNull(row['destination_id'] ?? null),
    destinationType: textOrNull(row['type'] ?? null),
    apiClient: textOrNull(row['api_client'] ?? null),
    attempts: Number(row['count']),
    failed: Number(row['failed_count']),
    position: [Number(row['start_s']), Number(row['tenant_no']), Number(row['key'])],
  };
}
