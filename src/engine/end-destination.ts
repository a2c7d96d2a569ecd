/**
 * Ending a destination without anybody asking for it. It is written as it stands, and not checked anew: one whose
 * configuration is refused by now has to end as well.
 */
import type { DisabledReason } from '../domain/ending.ts';
import type { Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { RoutingTable } from './routing.ts';

export interface EndParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
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
  { storage, routing, dispatcher, wakeCanceler }: EndParts,
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
    const cancelPending = stored.policy.while_disabled !== 'hold';
    const updated = await storage.destinationUpdate({
      destination: {
        ...stored,
        disabledAtMs: nowMs,
        disabledReason: reason,
        updatedAtMs: nowMs,
        revision: stored.revision + 1,
      },
      ifRevision: stored.revision,
      cancelPending,
    });
    if (updated === 'changed_meanwhile') continue;
    if (cancelPending && updated === 'updated') dispatcher.withdrawAll(tenantId, id);
    await routing.refresh(tenantId);
    wakeCanceler();
    return updated === 'updated';
  }
}

/** Deletes it, as its receiver wishes; `false`: it was not there any more. */
export async function unsubscribe(
  { storage, routing, wakeCanceler }: EndParts,
  { tenantId, id, createdAtMs }: EndedDestination,
): Promise<boolean> {
  for (;;) {
    const stored = await storage.destinationGet({ tenantId, id });
    if (stored === null || stored.createdAtMs !== createdAtMs) return false;
    const ifRevision = stored.revision;
    const deleted = await storage.destinationDelete({ tenantId, id, ifRevision });
    if (deleted === 'changed_meanwhile') continue;
    await routing.refresh(tenantId);
    wakeCanceler();
    return deleted === 'deleted';
  }
}
