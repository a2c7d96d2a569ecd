/**
 * Ending a destination without anybody asking for it. It is written as it stands, and not checked anew: one whose
 * configuration is refused by now has to end as well. The audit log tells of it, with the rule as who did it.
 */
import type { AuditAuthor } from '../domain/audit.ts';
import type { DisabledReason } from '../domain/ending.ts';
import type { Storage, StoredDestination } from '../storage/storage.ts';
import { destinationAudit } from './destination-audit.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { RoutingTable } from './routing.ts';
import type { TargetMaker } from './target.ts';

export interface EndParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly targets: Pick<TargetMaker, 'types'>;
  readonly dispatcher: Pick<Dispatcher, 'withdrawAll'>;
  readonly wakeCanceler: () => void;
}

export interface EndedDestination {
  readonly tenantId: string;
  readonly id: string;
  /** Of the destination that is meant; another one of its id is left alone. */
  readonly createdAtMs: number;
}

/**
 * `false`: it was not there any more, or disabled already. Rejects where the storage refuses. What it was owed is
 * canceled, unless it holds.
 */
export async function disableByRule(
  { storage, routing, targets, dispatcher, wakeCanceler }: EndParts,
  { tenantId, id, createdAtMs }: EndedDestination,
  reason: DisabledReason,
  nowMs: number,
): Promise<boolean> {
  for (;;) {
    const stored = await storage.destinationGet({ tenantId, id });
    if (stored === null || stored.createdAtMs !== createdAtMs || stored.disabledAtMs !== null)
      return false;
    if (reason === 'expired' && (stored.expiresAtMs === null || stored.expiresAtMs > nowMs))
      return false;
    const destination = {
      ...stored,
      disabledAtMs: nowMs,
      disabledReason: reason,
      updatedAtMs: nowMs,
      revision: stored.revision + 1,
    };
    const cancelPending = stored.policy.while_disabled !== 'hold';
    const updated = await storage.destinationUpdate({
      destination,
      ifRevision: stored.revision,
      cancelPending,
      audit: auditOf(targets, stored, destination, ruleAuthor(reason, nowMs)),
    });
    if (updated === 'changed_meanwhile') continue;
    if (cancelPending && updated === 'updated') dispatcher.withdrawAll(tenantId, id);
    await routing.refresh(tenantId).finally(wakeCanceler);
    return updated === 'updated';
  }
}

/** Deletes it, as its receiver wishes; `false`: it was not there any more. */
export async function unsubscribe(
  { storage, routing, targets, wakeCanceler }: EndParts,
  { tenantId, id, createdAtMs }: EndedDestination,
  nowMs: number,
): Promise<boolean> {
  for (;;) {
    const stored = await storage.destinationGet({ tenantId, id });
    if (stored === null || stored.createdAtMs !== createdAtMs) return false;
    const ifRevision = stored.revision;
    const audit = auditOf(targets, stored, null, ruleAuthor('gone', nowMs));
    const deleted = await storage.destinationDelete({ tenantId, id, ifRevision, audit });
    if (deleted === 'changed_meanwhile') continue;
    await routing.refresh(tenantId).finally(wakeCanceler);
    return deleted === 'deleted';
  }
}

/** No request asked for it. */
function ruleAuthor(rule: DisabledReason, atMs: number): AuditAuthor {
  return { atMs, actor: { kind: 'engine', id: null, name: rule }, address: '', requestId: '' };
}

function auditOf(
  { types }: Pick<TargetMaker, 'types'>,
  stored: StoredDestination,
  after: StoredDestination | null,
  author: AuditAuthor,
) {
  // Its secrets stay sealed: it ends also where no key opens them any more.
  const secrets = { credentials: {}, auth: null };
  const type = types.get(stored.type);
  return destinationAudit(
    author,
    { destination: stored, secrets, type },
    after === null ? null : { destination: after, secrets, type },
  );
}
