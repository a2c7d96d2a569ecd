/** A receiver that answers 410 (Gone) is unsubscribed: its destination is deleted, as it was when the answer came. */
import type { Storage } from '../storage/storage.ts';
import type { EngineLog } from './engine-log.ts';
import type { RoutingTable } from './routing.ts';
import type { Target } from './target.ts';

export interface UnsubscriberParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly log: EngineLog;
  readonly wakeCanceler: () => void;
}

/** Never rejects: where it fails, the next answer of that kind does it. */
export async function unsubscribeGone(
  { storage, routing, log, wakeCanceler }: UnsubscriberParts,
  { tenantId, id, revision }: Target,
): Promise<void> {
  try {
    // One that was changed meanwhile has another receiver, perhaps.
    const deleted = await storage.destinationDelete({ tenantId, id, ifRevision: revision });
    if (deleted !== 'deleted') return;
    await routing.refresh(tenantId);
    wakeCanceler();
  } catch (error) {
    log.serviceFailed('unsubscriber', error);
  }
}
