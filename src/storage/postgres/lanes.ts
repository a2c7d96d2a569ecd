/** Whose lanes are whose. */
import type { Health } from '../../domain/health.ts';
import type { LaneKey, NodeStorage } from '../node-storage.ts';
import { IS_NOT_BURIED } from './node.ts';
import type { Operation } from './operation.ts';
import type { TenantNumbers } from './routes.ts';
import type { WriteSession } from './write-session.ts';

// Nobody comes back from being buried: so it does not matter at which moment that is looked at.
const TAKE_ALONE = `
  INSERT INTO lanes (tenant_no, destination_no, owner)
  SELECT tenant, destination, $3 FROM unnest($1::bigint[], $2::bigint[]) AS wanted (tenant, destination)
  ORDER BY tenant, destination
  ON CONFLICT (tenant_no, destination_no) DO UPDATE SET owner = excluded.owner
  WHERE lanes.owner = excluded.owner
     OR NOT EXISTS (SELECT 1 FROM nodes WHERE incarnation = lanes.owner AND ${IS_NOT_BURIED})
  RETURNING tenant_no, destination_no`;
const TAKE = `
  ${TAKE_ALONE},
            (SELECT health FROM destination_health
             WHERE destination_health.tenant_no = lanes.tenant_no
               AND destination_health.destination_no = lanes.destination_no) AS health`;
// On Citus health lies on the workers, and lanes on the coordinator.
const HEALTH = `
  SELECT destination_no, health FROM destination_health WHERE tenant_no = ANY($1) AND destination_no = ANY($2)`;

const RELEASE = `
  DELETE FROM lanes USING unnest($1::bigint[], $2::bigint[]) AS given (tenant, destination)
  WHERE tenant_no = tenant AND destination_no = destination AND owner = $3`;

export const lanesTake: Operation<NodeStorage['lanesTake'], WriteSession> = async (
  session,
  { self, lanes },
) => {
  if (self !== session.incarnation) return lanes.map(() => null);
  const numbers = await numbersOf(session, lanes);
  const known = [
    ...new Map(
      numbers.flatMap((each) => (each === null ? [] : [[each.destinationNo, each]])),
    ).values(),
  ];
  const taken = await take(session, known);
  return numbers.map((each) => {
    if (each === null || !taken.has(each.destinationNo)) return null;
    const health = taken.get(each.destinationNo);
    // JSON that this driver has written.
    return { health: typeof health === 'string' ? (JSON.parse(health) as Health) : null };
  });
};

export const lanesRelease: Operation<NodeStorage['lanesRelease'], WriteSession> = async (
  session,
  { lanes },
) => {
  const numbers = await numbersOf(session, lanes);
  const known = numbers.filter((each) => each !== null);
  await session.run(RELEASE, ...columnsOf(known), session.incarnation);
};

/** Of the destinations whose lanes could be had, by number: their health. */
async function take(
  session: WriteSession,
  lanes: readonly LaneNumbers[],
): Promise<ReadonlyMap<number, unknown>> {
  const { isDistributed, incarnation } = session;
  const sql = isDistributed ? TAKE_ALONE : TAKE;
  const rows = await session.rows(sql, ...columnsOf(lanes), incarnation);
  const taken = new Map<number, unknown>(
    rows.map((row) => [Number(row['destination_no']), row['health'] ?? null]),
  );
  if (!isDistributed || rows.length === 0) return taken;
  const tenantNos = [...new Set(rows.map((row) => Number(row['tenant_no'])))];
  for (const row of await session.rows(HEALTH, tenantNos, [...taken.keys()]))
    taken.set(Number(row['destination_no']), row['health']);
  return taken;
}

interface LaneNumbers {
  readonly tenantNo: number;
  readonly destinationNo: number;
}

async function numbersOf(
  session: WriteSession,
  lanes: readonly LaneKey[],
): Promise<(LaneNumbers | null)[]> {
  const ids = [...new Set(lanes.map(({ tenantId }) => tenantId))];
  const tenants: ReadonlyMap<string, TenantNumbers> = await session.memory.routes.tenants(
    session,
    ids,
  );
  return lanes.map(({ tenantId, destinationId }) => {
    const tenant = tenants.get(tenantId);
    const destinationNo = tenant?.destinations.get(destinationId);
    return tenant === undefined || destinationNo === undefined
      ? null
      : { tenantNo: tenant.no, destinationNo };
  });
}

function columnsOf(lanes: readonly LaneNumbers[]) {
  return [
    lanes.map(({ tenantNo }) => tenantNo),
    lanes.map(({ destinationNo }) => destinationNo),
  ] as const;
}
