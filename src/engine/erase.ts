/** Drops what deleted tenants leave behind, in slices short enough that no commit waits long for one. */
import type { Storage } from '../storage/storage.ts';
import type { Service } from './service.ts';

/** Less than 5 ms of the writer's time. */
const SLICE_ROWS = 300;
const BETWEEN_SLICES_MS = 20;
const BETWEEN_ROUNDS_MS = 60_000;

export function createEraser(storage: Storage): Service {
  return {
    name: 'eraser',
    async poll() {
      const { more } = await storage.tenantEraseSlice({ limit: SLICE_ROWS });
      return more ? BETWEEN_SLICES_MS : BETWEEN_ROUNDS_MS;
    },
  };
}
