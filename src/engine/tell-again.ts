/**
 * At the start: what the process before may have died with. Notices are in memory, but what they tell of is on the disk:
 * deliveries that failed for good, and in the audit log what the engine did to destinations by itself. All of it since
 * notices were last known to be told is told once more; who listens takes the same notice once.
 */
import type { AuditEntry } from '../domain/audit.ts';
import type { Clock } from '../domain/clock.ts';
import { DISABLED_REASONS } from '../domain/ending.ts';
import type { Notice } from '../domain/notice.ts';
import { retriesReason, retriesStatus } from '../domain/profile.ts';
import { SCHEDULE_OVER } from '../domain/delivery.ts';
import type { UntoldFailure } from '../storage/health-storage.ts';
import type { PageRequest } from '../storage/reading.ts';
import type { Storage } from '../storage/storage.ts';
import type { HealthKeeper } from './health-keeper.ts';
import type { Notices } from './notices.ts';
import type { RoutingTable } from './routing.ts';
import type { Target } from './target.ts';
import type { FailureEnd } from './watch-health.ts';

const PAGE = 1000;

export interface TellAgainParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly keeper: HealthKeeper;
  readonly notices: Notices;
  readonly clock: Clock;
  /** Ends a destination whose rule asks for it after that failure. */
  readonly endAfterFailure: (target: Target, failure: FailureEnd) => void;
}

/** Before the first attempt. Resolves when all of it is told, but not yet taken. */
export async function tellAgain(parts: TellAgainParts): Promise<void> {
  const { storage } = parts;
  let after: number | null = null;
  for (;;) {
    const { toldUpToMs, failures } = await storage.untoldFailures({ after, limit: PAGE });
    if (toldUpToMs === null) {
      // The first start: from now on it is known.
      await storage.healthPut({ entries: [], toldUpToMs: parts.clock.nowMs() });
      return;
    }
    if (after === null) await tellEnds(parts, toldUpToMs);
    for (const failure of failures) await tellFailure(parts, failure);
    after = failures.at(-1)?.position ?? null;
    if (failures.length < PAGE) return;
  }
}

async function tellFailure(parts: TellAgainParts, failure: UntoldFailure): Promise<void> {
  const { storage, routing, notices, endAfterFailure } = parts;
  const { tenantId, destinationId, atMs } = failure;
  const target = routing.target(tenantId, destinationId);
  const isThere = target?.createdAtMs === failure.createdAtMs;
  const deliveryId = storage.ids.deliveryId(failure.delivery);
  notices.tell({
    topic: 'delivery.failed',
    tenantId,
    destinationId,
    atMs,
    key: `${deliveryId}:${failure.attempts}`,
    deliveryId,
    eventId: failure.eventId,
    eventTopic: failure.eventTopic,
    attempts: failure.attempts,
    code: failure.code,
    isMailed: isThere && target.profile.ending.mailsFailures,
  });
  if (!isThere || !target.enabled) return;
  const stored = await storage.destinationGet({ tenantId, id: destinationId });
  // Somebody has looked at it since, and wants it as it is.
  if (stored === null || stored.updatedAtMs > atMs) return;
  endAfterFailure(target, {
    isExhausted: isExhausted(target, failure),
    wish: failure.status === 410 ? 'gone' : undefined,
  });
}

/** As watch-health.ts has it of an attempt that was just recorded. */
function isExhausted({ profile }: Target, failure: UntoldFailure): boolean {
  const { reason, status, kind, step } = failure;
  const isRetryable =
    reason === 'http_status' && status !== null
      ? retriesStatus(profile, status)
      : retriesReason(profile, reason);
  const isOfSchedule = kind === 'first' || kind === 'retry';
  return failure.eligibleForRetry && isRetryable && isOfSchedule && step < SCHEDULE_OVER;
}

/** Newest first, as far back as is needed. */
async function tellEnds({ storage, notices, keeper }: TellAgainParts, sinceMs: number) {
  const found: Notice[] = [];
  let from: PageRequest['from'] = null;
  search: for (;;) {
    const { rows, more } = await storage.auditList({
      tenantIds: [],
      actorIds: [],
      actions: [],
      resourceIds: [],
      time: { fromMs: null, toMs: null },
      page: { limit: PAGE, order: 'desc', from },
    });
    for (const entry of rows) {
      if (entry.atMs < sinceMs) break search;
      const notice = noticeOf(entry, keeper);
      if (notice !== null) found.push(notice);
    }
    const last = rows.at(-1);
    if (!more || last === undefined) break;
    from = { side: 'after', position: last.position };
  }
  for (const notice of found.toReversed()) notices.tell(notice);
}

/** `null`: somebody asked for it, or it is no end. */
function noticeOf(
  { actor, action, atMs, tenantId, resource, after }: AuditEntry,
  keeper: HealthKeeper,
): Notice | null {
  if (actor.kind !== 'engine' || tenantId === null) return null;
  const common = { tenantId, destinationId: resource.id, atMs, key: `${atMs}` };
  if (action === 'destination.deleted') return { ...common, topic: 'destination.unsubscribed' };
  const reason = DISABLED_REASONS.find((known) => known === after?.['disabled_reason']);
  if (action !== 'destination.disabled' || reason === undefined) return null;
  if (reason === 'expired') {
    const expiresAtMs = Date.parse(String(after?.['expires_at']));
    return { ...common, topic: 'destination.expired', key: `${expiresAtMs}`, expiresAtMs };
  }
  const { consecutiveFailures } = keeper.of(tenantId, resource.id);
  return { ...common, topic: 'destination.disabled', reason, consecutiveFailures };
}
