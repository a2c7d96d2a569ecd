/** The storage port, continued: replays. See storage.ts for what holds for every method. */
import type { AuditEntry } from '../domain/audit.ts';
import type { DeliveryStatus } from '../domain/delivery.ts';
import type { Order } from '../domain/order.ts';
import type {
  ReplayCriteria,
  ReplaySelection,
  ReplayStatus,
  ReplayTrigger,
  StopReason,
} from '../domain/replay.ts';
import type { DeliveryKey, Page, PageRequest, Position } from './reading.ts';

export interface ReplayStorage {
  /** It begins as running; what is published from then on is not part of it. */
  replayInsert(query: {
    replay: NewReplay;
    /** Of the tenant, running or paused. */
    maxOpen: number;
    audit?: AuditEntry | null;
  }): Promise<'inserted' | 'unknown_tenant' | 'unknown_destination' | 'too_many'>;
  replayGet(query: { id: string }): Promise<ReplayRecord | null>;
  /** By age. */
  replayList(query: ReplayQuery): Promise<Page<ReplayRecord>>;
  /** Those that run or wait for deliveries that they have made due, oldest first. */
  replaysOpen(): Promise<ReplayRecord[]>;
  /**
   * The next events that may be part of a replay, in its order, with the deliveries of them that it would make due. Those
   * that were sent to try a destination out are part of none.
   */
  replayCandidates(query: CandidateQuery): Promise<ReplayCandidate[]>;
  /**
   * Makes deliveries due now for one attempt outside of their schedule, which is marked as a replay's, and creates them
   * where the destination never had the event; writes down how far the replay has come. A delivery that is no longer what
   * the replay selects is passed over. `not_at_position`: it is not running, or has come further than `from` meanwhile;
   * nothing was done.
   */
  replayAdvance(query: {
    id: string;
    from: Position | null;
    to: Position | null;
    /** There are no more events. */
    isEnd: boolean;
    deliveries: readonly ReplayDelivery[];
    nowMs: number;
  }): Promise<ReplayAdvance>;
  /**
   * Counts, for each replay, the deliveries that it made due and that are not pending any more; ends those that run and
   * have nothing left to do. `more`: there is more to count.
   */
  replaySettle(query: {
    limit: number;
    nowMs: number;
  }): Promise<{ settled: number; more: boolean }>;
  /** `refused`: it has ended (domain/replay.ts). */
  replayChange(query: {
    id: string;
    trigger: ReplayTrigger;
    nowMs: number;
    audit?: AuditEntry | null;
  }): Promise<'changed' | 'unchanged' | 'refused' | 'unknown'>;
  /** Ends one that cannot go on; one that has ended already stays as it is. */
  replayStop(query: { id: string; reason: StopReason; nowMs: number }): Promise<void>;
}

export interface NewReplay {
  readonly id: string;
  readonly tenantId: string;
  /** `null`: all of the tenant's. */
  readonly destinationId: string | null;
  readonly criteria: ReplayCriteria;
  readonly ratePerMinute: number | null;
  /** Deliveries, as they were counted before. */
  readonly count: number;
  /** Name of who asked for it. */
  readonly createdBy: string;
  readonly createdAtMs: number;
}

export interface ReplayRecord extends NewReplay {
  readonly status: ReplayStatus;
  readonly reason: StopReason | null;
  /** What came in with this number or later is not part of it. */
  readonly belowSeq: number;
  /** The last event that was looked at; `null`: none was. */
  readonly readTo: Position | null;
  /** There are no more events to look at. */
  readonly isRead: boolean;
  /** Made due, and not counted yet. */
  readonly pending: number;
  readonly done: number;
  readonly failed: number;
  /** Canceled or superseded before their attempt. */
  readonly canceled: number;
  readonly updatedAtMs: number;
  readonly endedAtMs: number | null;
  readonly position: Position;
}

/** Ordered by the order in which they were made. */
export interface ReplayQuery {
  readonly tenantIds: readonly string[];
  readonly destinationId: string | null;
  readonly statuses: readonly ReplayStatus[];
  readonly page: PageRequest;
}

export interface CandidateQuery {
  readonly tenantId: string;
  /** `null`: all of the tenant's; only with `failed`. */
  readonly destinationId: string | null;
  readonly select: ReplaySelection;
  readonly time: ReplayCriteria['time'];
  readonly order: ReplayCriteria['order'];
  /** `null`: also the newest. */
  readonly belowSeq: number | null;
  readonly after: Position | null;
  readonly limit: number;
  /** Only filters need them. */
  readonly withData: boolean;
}

export interface ReplayCandidate {
  readonly seq: number;
  /** The caller's; `null`: it gave none. */
  readonly id: string | null;
  readonly topic: string;
  readonly timeMs: number;
  readonly metadata: string | null;
  /** `null` where they were not asked for. */
  readonly data: Uint8Array | null;
  readonly requestedDestinationId: string | null;
  /** Empty: the destination never had the event. */
  readonly deliveries: readonly {
    readonly destinationId: string;
    readonly status: DeliveryStatus;
  }[];
  readonly position: Position;
}

export interface ReplayDelivery {
  readonly eventSeq: number;
  readonly destinationId: string;
  /** Of the destination, as it is now. */
  readonly order: Order;
}

export type ReplayAdvance =
  | {
      readonly kind: 'advanced';
      /** Those that are due now. */
      readonly due: readonly DeliveryKey[];
      /** Deliveries that this node has claimed, and that a newer version has made pointless. */
      readonly superseded: readonly (DeliveryKey & { readonly destinationId: string })[];
    }
  | { readonly kind: 'not_at_position' }
  | { readonly kind: StopReason };
