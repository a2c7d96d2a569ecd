/** The audit log. Entries come in with the change that they tell of, in its transaction. */
import type { AuditEntry } from '../../domain/audit.ts';
import type { Storage } from '../storage.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { auditRecord, jsonOrNull } from '../audit-row.ts';
import type { Operation } from './operation.ts';
import { isOneOf, listPage, within } from './page.ts';

const INSERT = `
  INSERT INTO audit (time_ms, actor_kind, actor_id, actor_name, action, tenant_id, resource_kind, resource_id,
                     before, after, address, request_id)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const SELECT = `
  SELECT seq, time_ms, actor_kind, actor_id, actor_name, action, tenant_id, resource_kind, resource_id, before, after,
         address, request_id
  FROM audit`;

const DELETE_OLD = `
  DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE time_ms < ? ORDER BY time_ms LIMIT ?)`;

/** For the operations that change something; nothing where there is no entry. */
export function writeAudit(context: WriteContext, entry: AuditEntry | null | undefined): void {
  if (entry === null || entry === undefined) return;
  const { actor, resource } = entry;
  context
    .statement(INSERT)
    .run(
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

export function auditInsert(context: WriteContext): Operation<Storage['auditInsert']> {
  return ({ entry }) => writeAudit(context, entry);
}

export function auditList(context: ReadContext): Operation<Storage['auditList']> {
  return ({ tenantIds, actorIds, actions, resourceIds, time, page }) =>
    listPage(context, {
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
}

export function auditPruneSlice(context: WriteContext): Operation<Storage['auditPruneSlice']> {
  return ({ beforeMs, limit }) => {
    const entries = Number(context.statement(DELETE_OLD).run(beforeMs, limit).changes);
    return { entries, more: entries === limit };
  };
}
