/** Gives the database the chance to tidy up between commits. */
import type { Storage } from '../storage/storage.ts';
import type { Service } from './service.ts';

const BETWEEN_ROUNDS_MS = 500;

export function createMaintainer(storage: Storage): Service {
  return {
    name: 'maintainer',
    async poll() {
      await storage.maintain();
      return BETWEEN_ROUNDS_MS;
    },
  };
}
