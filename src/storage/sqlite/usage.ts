/** Usage: the attempts of each destination and day, from the roll-ups by day. */
import { DAY_S } from '../../domain/granularity.ts';
import { ingestedAtMs } from '../../domain/event.ts';
import type { MetricsStorage } from '../metrics.ts';
import type { ReadContext } from './context.ts';
import { tenantNo } from './events.ts';
import type { Operation } from './operation.ts';
import { isOneOf, listPage } from './page.ts';
import { CUBES } from '../rollup-count.ts';

const SELECT = `
  SELECT start_s, rollups.tenant_no, destination_no, tenants.id AS tenant_id, destinations.id AS destination_id,
         destinations.type, count, failed_count
  FROM attempt_rollups AS rollups
  JOIN tenants ON tenants.no = rollups.tenant_no
  JOIN destinations ON destinations.no = destination_no`;

export function usageList(context: ReadContext): Operation<MetricsStorage['usageList']> {
  return ({ tenantIds, destinationId, days, page }) => {
    const conditions = [
      { sql: `width_s = ${DAY_S} AND cube = ${CUBES.destination}`, values: [] },
      { sql: 'start_s >= ? AND start_s < ?', values: [days.fromS, days.toS] },
      ...isOneOf(
        'rollups.tenant_no',
        tenantIds.map((id) => tenantNo(context, id)),
      ),
      ...(destinationId === null ? [] : isOneOf('destinations.id', [destinationId])),
    ];
    const found = listPage(context, {
      select: SELECT,
      conditions,
      orderBy: ['start_s', 'rollups.tenant_no', 'destination_no'],
      page,
      read: (row) => ({
        dayS: Number(row['start_s']),
        tenantId: String(row['tenant_id']),
        destinationId: String(row['destination_id']),
        destinationType: String(row['type']),
        attempts: Number(row['count']),
        failed: Number(row['failed_count']),
        position: [Number(row['start_s']), Number(row['tenant_no']), Number(row['destination_no'])],
      }),
    });
    const counted = context.statement('SELECT from_seq FROM rollup_progress').get();
    return { ...found, countedUntilMs: ingestedAtMs(Number(counted?.['from_seq'])) };
  };
}
