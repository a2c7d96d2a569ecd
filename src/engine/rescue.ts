/** Finds what has become due in the storage without this process: claims of nodes that died, and what was not heard. */
import type { Dispatcher } from './dispatcher.ts';
import type { Service } from './service.ts';

/** A dead node's lease ends after 15 s, and its work starts again within 20 s. */
const LOOK_EVERY_MS = 2000;

export function createRescuer(dispatcher: Dispatcher): Service {
  return {
    name: 'rescuer',
    async poll() {
      await dispatcher.findWaiting();
      return LOOK_EVERY_MS;
    },
  };
}
