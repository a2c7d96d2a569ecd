/** Deleting a destination, as it was when it was looked at: what the audit log tells has to be what was deleted. */
import type { AuditAuthor } from '../domain/audit.ts';
import { destinationAudit } from './destination-audit.ts';
import type { Engine } from './engine.ts';
import { MAX_TRIES } from './manage-destinations.ts';
import type { ChangeOptions, DestinationKey } from './manage-destinations.ts';

export interface DeleteResult {
  readonly kind: 'deleted' | 'unknown' | 'other_revision' | 'changed_meanwhile';
}

/** What it was owed is canceled, and it is in no routing any more when this resolves. */
export async function deleteDestination(
  engine: Engine,
  key: DestinationKey,
  author: AuditAuthor | null = null,
  { ifRevisions = null }: ChangeOptions = {},
): Promise<DeleteResult> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const stored = await engine.storage.destinationGet(key);
    if (stored === null) return { kind: 'unknown' };
    const { type, revision: ifRevision } = stored;
    if (ifRevisions?.includes(ifRevision) === false) return { kind: 'other_revision' };
    // Its secrets stay sealed: it can be deleted also where no key opens them any more.
    const known = {
      destination: stored,
      secrets: { credentials: {}, auth: null },
      type: engine.targets.types.get(type),
    };
    const audit = destinationAudit(author, known, null);
    const kind = await engine.storage.destinationDelete({ ...key, ifRevision, audit });
    if (kind === 'unknown') return { kind };
    if (kind === 'changed_meanwhile') continue;
    await engine.routing.refresh(key.tenantId).finally(() => engine.wakeCanceler());
    return { kind };
  }
  return { kind: 'changed_meanwhile' };
}
