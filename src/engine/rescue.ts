/** Finds what has become free in the storage without this process: claims of nodes that died. */
import type { Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Service } from './service.ts';

export function createRescuer(storage: Storage, dispatcher: Dispatcher, everyMs: number): Service {
  return {
    name: 'rescuer',
    async poll() {
      for (const { tenantId, destinationId, firstDueAtMs } of await storage.waitingLanes())
        dispatcher.noteDue(tenantId, destinationId, firstDueAtMs);
      return everyMs;
    },
  };
}
