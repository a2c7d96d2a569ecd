/** The routing version of a tenant is the number of the change that made it: so it is later than every other. */
import type { WriteSession } from './write-session.ts';

const RAISE = 'UPDATE tenants SET routing_version = $1 WHERE no = $2';
const END = 'INSERT INTO routing_ends (tenant_no, tenant_id, seq) VALUES ($1, $2, $3)';

/** By whatever changes who gets a tenant's events, or how; in a transaction that runs in order. */
export async function raiseRoutingVersion(session: WriteSession, tenantNo: number): Promise<void> {
  await session.run(RAISE, await session.takeSeqs(1), tenantNo);
}

/** The tenant is deleted. */
export async function endRouting(
  session: WriteSession,
  tenantNo: number,
  id: string,
): Promise<void> {
  await session.run(END, tenantNo, id, await session.takeSeqs(1));
}
