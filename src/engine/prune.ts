/** Retention: drops what is older, in slices short enough that no commit waits long for one. */
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { Service } from './service.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** About 5 ms of the writer's time. */
const SLICE_EVENTS = 200;
const BETWEEN_SLICES_MS = 20;
const BETWEEN_ROUNDS_MS = 60_000;

export function createPruner(storage: Storage, clock: Clock, retentionDays: number): Service {
  return {
    name: 'pruner',
    async poll() {
      const { more } = await storage.pruneSlice({
        beforeMs: clock.nowMs() - retentionDays * DAY_MS,
        limit: SLICE_EVENTS,
        wholeDays: true,
      });
      return more ? BETWEEN_SLICES_MS : BETWEEN_ROUNDS_MS;
    },
  };
}
