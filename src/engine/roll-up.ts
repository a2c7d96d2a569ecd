/** Counts what was published and attempted, behind the commits; and drops counts that are no longer kept. */
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { Service } from './service.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Hours and days are kept so long; minutes as long as events, and a day more. */
const COUNTS_KEPT_MS = 366 * DAY_MS;

/** About a millisecond of the writer's time. */
const SLICE_ROWS = 100;
const BETWEEN_SLICES_MS = 5;
/** What comes together between two rounds is written together: where that are many rows, the next round comes later. */
const BETWEEN_ROUNDS_MS = 2000;
const FOR_EACH_SLICE_MS = 1000;
const MAX_BETWEEN_ROUNDS_MS = 10_000;

const DROPPED_ROWS = 500;
const BETWEEN_DROPS_MS = 20;
const BETWEEN_DROPPING_ROUNDS_MS = 600_000;

export function createRollUp(storage: Storage): Service {
  let slices = 0;
  return {
    name: 'roll-up',
    async poll() {
      const { more } = await storage.rollUpSlice({ limit: SLICE_ROWS });
      if (more) {
        slices++;
        return BETWEEN_SLICES_MS;
      }
      const pauseMs = clamp(slices * FOR_EACH_SLICE_MS, BETWEEN_ROUNDS_MS, MAX_BETWEEN_ROUNDS_MS);
      slices = 0;
      return pauseMs;
    },
  };
}

export function createRollUpPruner(storage: Storage, clock: Clock, retentionDays: number): Service {
  return {
    name: 'roll-up pruner',
    async poll() {
      const nowMs = clock.nowMs();
      const { more } = await storage.rollUpPruneSlice({
        minutesBeforeMs: nowMs - (retentionDays + 1) * DAY_MS,
        beforeMs: nowMs - COUNTS_KEPT_MS,
        nowMs,
        limit: DROPPED_ROWS,
      });
      return more ? BETWEEN_DROPS_MS : BETWEEN_DROPPING_ROUNDS_MS;
    },
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
