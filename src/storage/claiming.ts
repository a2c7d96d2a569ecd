/** What the storage port says of claims: which deliveries a node has in memory. See storage.ts. */
import type { AskedBy } from '../domain/delivery.ts';
import type { DeliveryKey } from './reading.ts';

export interface LaneClaim {
  readonly tenantId: string;
  readonly destinationId: string;
  /** Only the first of each key is claimed. */
  readonly isOrdered?: boolean;
  readonly limit: number;
  /**
   * Of an unordered lane, where more is due than `limit`: so many of these places are for retries (not of replays), the others for
   * first attempts and replays, each the oldest due. What one side does not need is the other's. Left out: none.
   */
  readonly retryPlaces?: number;
  /**
   * Of an unordered lane only retries (not of replays), of those that came due from then on; left out: whatever is due.
   * `nextDueAtMs` is then of the next retry, or from when on to look for more, as not all of a long line are looked at.
   */
  readonly retriesFromMs?: number;
  /**
   * Up to where this node has taken what it was given (`NewEvent`): the last `givenUpTo` of the lane that came with an answer;
   * `null`: nothing of it is in memory.
   */
  readonly givenAfter?: GivenPosition | null;
}

/** What a node is given of a lane becomes visible in this order. */
export interface GivenPosition {
  readonly dueAtMs: number;
  readonly seq: number;
}

export interface ClaimedLane {
  readonly tenantId: string;
  readonly destinationId: string;
  readonly deliveries: readonly ClaimedDelivery[];
  /** When the lane's next unclaimed delivery is due; `null`: there is none. */
  readonly nextDueAtMs: number | null;
  /** Something waits behind what this node has in memory: ask again when that is done. */
  readonly hasFollowers: boolean;
  /** Only a part of the lane was looked at, the next claim goes on there; `nextDueAtMs` is that of the claim. */
  readonly isPartial: boolean;
  /** Where there are some among the deliveries that this node was given: up to the last of them. */
  readonly givenUpTo?: GivenPosition;
}

export interface ClaimedDelivery {
  readonly key: DeliveryKey;
  /** `null`: it is not ordered. */
  readonly orderKey: string | null;
  readonly attempts: number;
  readonly step: number;
  /** Of the next attempt. */
  readonly askedBy: AskedBy;
  /** It was given to this node, which may have it in memory already, where it was canceled and asked for again. */
  readonly isGiven?: boolean;
  readonly event: {
    readonly seq: number;
    readonly id: string;
    readonly topic: string;
    readonly timeMs: number;
    readonly eligibleForRetry: boolean;
    readonly metadata: string | null;
    readonly resource: string | null;
    readonly data: Uint8Array;
    readonly test: boolean;
    /** `null`: it was to be delivered at once. */
    readonly deliverAtMs: number | null;
  };
}

export interface WaitingLane {
  readonly tenantId: string;
  readonly destinationId: string;
  readonly firstDueAtMs: number;
}
