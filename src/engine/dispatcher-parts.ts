/** What the dispatcher is made of, and its bounds. */
import type { Deliverer } from './deliver.ts';
import type { DepartureParts } from './departures.ts';
import type { LaneHealth } from './lane-owners.ts';
import type { NodeShares } from './node-shares.ts';
import type { Recorder } from './record.ts';
import type { RoutingTable } from './routing.ts';
import type { SharedLimits } from './shared-concurrency.ts';

export interface DispatcherLimits extends SharedLimits {
  /** Attempts under way at the same time, over all lanes. */
  readonly maxInFlight: number;
  /** Deliveries in memory, over all lanes. */
  readonly maxInMemory: number;
}

export interface DispatcherParts extends DepartureParts {
  readonly routing: RoutingTable;
  readonly deliverer: Deliverer;
  readonly recorder: Recorder;
  /** Of destinations, which goes with their lanes from node to node. */
  readonly health: LaneHealth;
  readonly limits: DispatcherLimits;
  /** Of those limits that hold over all nodes. */
  readonly shares: NodeShares;
}
