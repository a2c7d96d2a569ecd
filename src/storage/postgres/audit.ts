/** The audit log. Entries come in with the change that they tell of, in its transaction. */
import type { AuditEntry } from '../../domain/audit.ts';
import type { Storage } from '../storage.ts';
import { auditRecord, jsonOrNull } from '../audit-row.ts';
import type { Operation } from './operation.ts';
import { isOneOf, listPage, within } from './page.ts';
import type { Session } from './session.ts';
import type { WriteSession } from './write-session.ts';

const INSERT = `
  INSERT INTO audit (time_ms, actor_kind, actor_id, actor_name, action, tenant_id, resource_kind, resource_id,
                     before, after, address, request_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`;

const SELECT = `
  SELECT seq, time_ms, actor_kind, actor_id, actor_name, action, tenant_id, resource_kind, resource_id, before, after,
         address, request_id
  FROM audit`;

const DELETE_OLD = `
  DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE time_ms < $1 ORDER BY time_ms LIMIT $2)`;

/** For the operations that change something; nothing where there is no entry. */
export async function writeAudit(
  session: Session,
  entry: AuditEntry | null | undefined,
): Promise<void> {
  if (entry === null || entry === undefined) return;
  const { actor, resource } = entry;
  await session.run(
    INSERT,
    entry.atMs,
    actor.kind,
    actor.id,
    actor.name,
    entry.action,
    entry.tenantId,
    resource.kind,
    resource.id,
    jsonOrNull(entry.before),
    jsonOrNull(entry.after),
    entry.address,
    entry.requestId,
  );
}

export const auditInsert: Operation<Storage['auditInsert'], WriteSession> = (session, { entry }) =>
  writeAudit(session, entry);

export const auditList: Operation<Storage['auditList']> = (
  session,
  { tenantIds, actorIds, actions, resourceIds, time, page },
) =>
  listPage(session, {
    select: SELECT,
    conditions: [
      ...isOneOf('tenant_id', tenantIds),
      ...isOneOf('actor_id', actorIds),
      ...isOneOf('action', actions),
      ...isOneOf('resource_id', resourceIds),
      ...within('time_ms', time),
    ],
    orderBy: ['seq'],
    page,
    read: auditRecord,
  });

export const auditPruneSlice: Operation<Storage['auditPruneSlice'], WriteSession> = async (
  session,
  { beforeMs, limit },
) => {
  const entries = await session.run(DELETE_OLD, beforeMs, limit);
  return { entries, more: entries === limit };
};
