/**
 * The part of the storage port for several nodes over one database: what they learn of each other. See storage.ts for
 * what holds of all its methods.
 *
 * A node is one start of one process, under a number of its own. It lives as long as it renews its lease; when that is
 * over another node buries it. One that was buried, and finds out, goes on under a new number, with nothing in hand.
 */
import type { Health } from '../domain/health.ts';
import type { HealthEntry } from './health-storage.ts';

export interface NodeStorage {
  /** What other nodes (and this one) have committed after the moment `afterSeq`, and that moment by now. */
  changes(query: { afterSeq: number }): Promise<Changes>;
  /** Whether this node's lease holds, by its own monotonic clock: what is in its hand is still its own. */
  isAlive(): boolean;
  /** It goes on under a new number: whatever it held is for others to take. */
  onReborn(listener: () => void): void;
  /** Looks who lives. A node that does maintenance becomes the one that leads it, if no live one does. */
  look(): Promise<NodeView>;
  /**
   * Makes lanes this node's own, each if no live node has it. One answer a lane; `null`: another has it, or there is no
   * such destination. `self`: the number that the node wants them under; where it has gone on under another one meanwhile, it
   * gets none, as it would not know of them.
   */
  lanesTake(query: { self: number; lanes: readonly LaneKey[] }): Promise<(TakenLane | null)[]>;
  lanesRelease(query: { lanes: readonly LaneKey[] }): Promise<void>;
  /**
   * How a tenant's destinations fare, as the nodes that have their lanes wrote it last; `destinationIds`: of these alone,
   * `null`: of all.
   */
  healthOf(query: {
    tenantId: string;
    destinationIds: readonly string[] | null;
  }): Promise<HealthEntry[]>;
  /** Tells another node that these lanes have something due. It may get lost: looking is what guarantees. */
  tell(query: { node: number; lanes: readonly LaneKey[] }): Promise<void>;
  /** What other nodes tell this one. */
  onTold(listener: (lanes: readonly LaneKey[]) => void): void;
}

export interface Changes {
  /** To be asked for next: all that was committed before it is known by then. */
  readonly seq: number;
  /** Tenants whose routing has changed, or that are gone (`version: null`). */
  readonly tenants: readonly { readonly id: string; readonly version: number | null }[];
  /** Versions of `keyRing`, `clientRing` and `topicList`. */
  readonly keys: number;
  readonly clients: number;
  readonly catalogue: number;
}

export interface NodeView {
  readonly self: number;
  /** Live nodes that deliver. */
  readonly deliverers: readonly number[];
  /** How many live nodes take publishes. */
  readonly publishers: number;
  /** Whether this node leads what is done once over all nodes. */
  readonly leads: boolean;
}

export interface LaneKey {
  readonly tenantId: string;
  readonly destinationId: string;
}

export interface TakenLane {
  /** As the node before has left it; `null`: nothing was written of it. */
  readonly health: Health | null;
}
