/** What a claim has to know of its lanes, on Citus: destinations lie on the workers, lanes and numbers on the coordinator. */
import type { LaneKey } from '../node-storage.ts';
import { NUMBERS } from './days.ts';
import type { Row } from './session.ts';
import type { WriteSession } from './write-session.ts';

const DESTINATIONS = `
  SELECT no, cancel_below_seq IS NOT NULL AS is_canceling FROM destinations
  WHERE tenant_no = ANY($1) AND no = ANY($2) AND deleted_ms IS NULL`;
const OWN = `
  SELECT destination_no FROM lanes WHERE tenant_no = ANY($1) AND destination_no = ANY($2) AND owner = $3`;

/** Rows as those of FIND_LANES (claim.ts), with the `place` of their lane, which counts from 1. */
export async function findLanesApart(
  session: WriteSession,
  lanes: readonly LaneKey[],
): Promise<Row[]> {
  const ids = [...new Set(lanes.map(({ tenantId }) => tenantId))];
  const tenants = await session.memory.routes.tenants(session, ids);
  const known = lanes.flatMap(({ tenantId, destinationId }, index) => {
    const tenant = tenants.get(tenantId);
    const no = tenant?.destinations.get(destinationId);
    return tenant === undefined || no === undefined
      ? []
      : [{ place: index + 1, tenant_no: tenant.no, no }];
  });
  const keys = [known.map((lane) => lane.tenant_no), known.map(({ no }) => no)] as const;
  const destinations = await session.rows(DESTINATIONS, ...keys);
  const isCanceling = new Map(destinations.map((row) => [Number(row['no']), row['is_canceling']]));
  const owned = await session.rows(OWN, ...keys, session.incarnation);
  const own = new Set(owned.map((row) => Number(row['destination_no'])));
  const numbers = await session.row(NUMBERS);
  return known.flatMap((lane) =>
    isCanceling.has(lane.no)
      ? [
          {
            ...lane,
            ...numbers,
            is_canceling: isCanceling.get(lane.no),
            is_owned: own.has(lane.no),
          },
        ]
      : [],
  );
}
