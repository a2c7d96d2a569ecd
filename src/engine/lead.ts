/** What is done once over all nodes: by the node that leads, while the others look whether they do. */
import type { LaneOwners } from './lane-owners.ts';
import type { Service } from './service.ts';

const LOOK_EVERY_MS = 1000;

/**
 * As it is where this process alone has the database. `isWoken`: it is woken when there is something to do, perhaps on a
 * node that does not lead; so the one that does looks by itself.
 */
export function asLeader(owners: LaneOwners | null, service: Service, isWoken = false): Service {
  if (owners === null) return service;
  return {
    name: service.name,
    async poll() {
      if (!owners.leads) return LOOK_EVERY_MS;
      const pauseMs = await service.poll();
      return isWoken ? Math.min(pauseMs, LOOK_EVERY_MS) : pauseMs;
    },
  };
}
