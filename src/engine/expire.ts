/** Ends destinations at their time, and warns before it, 7 days and 1 day. */
import type { Clock } from '../domain/clock.ts';
import { disableByRule } from './end-destination.ts';
import type { EndParts } from './end-destination.ts';
import type { Notices } from './notices.ts';
import type { Service } from './service.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_ROUND = 100;
/** An end that was set meanwhile is looked at then at the latest; nothing is matched or sent after it in any case. */
const BETWEEN_ROUNDS_MS = 15_000;

export function createExpirer(parts: EndParts, notices: Notices, clock: Clock): Service {
  const { storage, routing } = parts;

  async function expire(tenantId: string, id: string, expiresAtMs: number): Promise<void> {
    const target = routing.target(tenantId, id);
    const nowMs = clock.nowMs();
    if (target === undefined) await routing.refresh(tenantId);
    else if (await disableByRule(parts, target, 'expired', nowMs))
      notices.tell({
        topic: 'destination.expired',
        tenantId,
        destinationId: id,
        atMs: nowMs,
        key: `${expiresAtMs}`,
        expiresAtMs,
      });
  }

  async function warn(tenantId: string, id: string, expiresAtMs: number): Promise<void> {
    const nowMs = clock.nowMs();
    const days = expiresAtMs - nowMs <= DAY_MS ? 1 : 7;
    notices.tell({
      topic: 'destination.expiring',
      tenantId,
      destinationId: id,
      atMs: nowMs,
      key: `${expiresAtMs}:${days}`,
      expiresAtMs,
      daysLeft: days,
    });
    // Only what was told: a notice that is lost with the process is told again.
    if (await notices.taken()) await storage.expiryWarned({ tenantId, id, expiresAtMs, days });
  }

  return {
    name: 'expirer',
    async poll() {
      const nowMs = clock.nowMs();
      const { ending, nextAtMs } = await storage.destinationsEnding({ nowMs, limit: MAX_ROUND });
      for (const { tenantId, id, expiresAtMs } of ending) {
        if (expiresAtMs <= nowMs) await expire(tenantId, id, expiresAtMs);
        else await warn(tenantId, id, expiresAtMs);
      }
      if (ending.length === MAX_ROUND) return 0;
      return Math.min(BETWEEN_ROUNDS_MS, Math.max(1, (nextAtMs ?? Infinity) - clock.nowMs()));
    },
  };
}
