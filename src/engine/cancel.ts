/** Cancels what deleted and disabled destinations were owed; goes on after a restart where it was. */
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { Service } from './service.ts';

const SLICE_DELIVERIES = 500;
const BETWEEN_ROUNDS_MS = 60_000;

export function createCanceler(storage: Storage, clock: Clock): Service {
  return {
    name: 'canceler',
    async poll() {
      const { more } = await storage.cancelSlice({ limit: SLICE_DELIVERIES, nowMs: clock.nowMs() });
      return more ? 0 : BETWEEN_ROUNDS_MS;
    },
  };
}
