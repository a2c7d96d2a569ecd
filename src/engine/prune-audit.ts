/** Retention of the audit log, which has its own: longer than that of events. */
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { Service } from './service.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const SLICE_ENTRIES = 500;
const BETWEEN_SLICES_MS = 20;
const BETWEEN_ROUNDS_MS = 60 * 60 * 1000;

export function createAuditPruner(storage: Storage, clock: Clock, retentionDays: number): Service {
  return {
    name: 'pruner of the audit log',
    async poll() {
      const { more } = await storage.auditPruneSlice({
        beforeMs: clock.nowMs() - retentionDays * DAY_MS,
        limit: SLICE_ENTRIES,
      });
      return more ? BETWEEN_SLICES_MS : BETWEEN_ROUNDS_MS;
    },
  };
}
