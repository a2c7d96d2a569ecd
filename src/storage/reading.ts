/** What lists of the storage are asked for, and the rows that they give. */
import type {
  AttemptKind,
  AttemptRequest,
  AttemptResponse,
  FailureReason,
  Timings,
} from '../domain/attempt.ts';
import type { AuditEntry } from '../domain/audit.ts';
import type { DeliveryStatus } from '../domain/delivery.ts';

export interface DeliveryKey {
  readonly seq: number;
  readonly ordinal: number;
}

/** Where a row stands in its list: the values that the list is ordered by. They never change for a row. */
export type Position = readonly number[];

export interface PageRequest {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** The rows that follow (`after`) or come before (`before`) a position, in terms of `order`; `null`: from the start. */
  readonly from: { readonly side: 'after' | 'before'; readonly position: Position } | null;
}

export interface Page<Row> {
  /** In `order`, also when they were looked for backwards. */
  readonly rows: readonly Row[];
  /** Whether there are more in the direction looked at. */
  readonly more: boolean;
}

/** Half-open [from, to) of the wall clock. */
export interface TimeRange {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/** What a query may be answered from. */
export interface MayLag {
  /** Perhaps some seconds old, as a read replica is; `false` and left out: all that was committed before is in it. */
  readonly mayLag?: boolean;
}

/** The server that such queries are answered from. */
export interface ReplicaView {
  /** While it is not, they are answered by the database itself. */
  readonly isUsed: boolean;
  /** How old its answer would be at most; `null`: it has given none yet. */
  readonly lagMs: number | null;
}

/** Ordered by time within one tenant, by number (time of ingestion) over several or all. */
export interface EventQuery extends MayLag {
  readonly ids: readonly string[];
  readonly tenantIds: readonly string[];
  readonly topics: readonly string[];
  readonly destinationId: string | null;
  readonly time: TimeRange;
  readonly page: PageRequest;
}

export interface EventRecord {
  readonly seq: number;
  readonly id: string;
  readonly tenantId: string;
  readonly topic: string;
  readonly timeMs: number;
  readonly eligibleForRetry: boolean;
  readonly metadata: string | null;
  readonly resource: string | null;
  readonly orderKey: string | null;
  readonly data: Uint8Array;
  readonly test: boolean;
  readonly destinationIds: readonly string[];
  readonly counts: Readonly<Record<DeliveryStatus, number>>;
  readonly position: Position;
}

/** Ordered by number. */
export interface DeliveryQuery extends MayLag {
  readonly tenantIds: readonly string[];
  readonly destinationId: string | null;
  /** Only of these destinations, with an empty list of none; `null` and left out: of all. */
  readonly amongDestinations?: readonly string[] | null;
  readonly eventSeq: number | null;
  readonly status: DeliveryStatus | null;
  /** Status or reason of the last attempt. */
  readonly codes: readonly string[];
  readonly topics: readonly string[];
  readonly time: TimeRange;
  readonly page: PageRequest;
}

export interface DeliveryRecord {
  readonly key: DeliveryKey;
  readonly tenantId: string;
  readonly eventId: string;
  readonly destinationId: string;
  readonly topic: string;
  /** Of a test event. */
  readonly test: boolean;
  readonly status: DeliveryStatus;
  /** A live node has claimed it, and so has it in memory, waiting for its lane or in an attempt. Not of what it was given. */
  readonly claimed: boolean;
  readonly attempts: number;
  readonly nextAttemptAtMs: number | null;
  /** Status or reason of the last attempt. */
  readonly lastCode: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly deliveredAtMs: number | null;
  readonly position: Position;
}

/** Ordered by the number given when they were recorded. */
export interface AttemptQuery extends MayLag {
  readonly tenantIds: readonly string[];
  readonly destinationId: string | null;
  /** Only of these destinations, with an empty list of none; `null` and left out: of all. */
  readonly amongDestinations?: readonly string[] | null;
  readonly destinationTypes: readonly string[];
  readonly eventSeq: number | null;
  readonly delivery: DeliveryKey | null;
  readonly topics: readonly string[];
  readonly status: 'success' | 'failed' | null;
  readonly time: TimeRange;
  readonly page: PageRequest;
}

/** An attempt as it is kept, with its event. */
export interface StoredAttempt {
  readonly seq: number;
  readonly delivery: DeliveryKey;
  readonly tenantId: string;
  readonly destinationId: string;
  readonly destinationType: string;
  readonly number: number;
  readonly kind: AttemptKind;
  readonly startedAtMs: number;
  readonly reason: FailureReason | null;
  readonly detail: string | null;
  /** HTTP status, or the reason. */
  readonly code: string;
  readonly timings: Timings;
  readonly request: AttemptRequest;
  readonly response: AttemptResponse | null;
  /** `null` once retention dropped it. */
  readonly event: Omit<EventRecord, 'destinationIds' | 'counts' | 'position'> | null;
  readonly position: Position;
}

/** Ordered by the order in which the changes were committed. Empty lists: all. */
export interface AuditQuery {
  readonly tenantIds: readonly string[];
  readonly actorIds: readonly string[];
  readonly actions: readonly string[];
  readonly resourceIds: readonly string[];
  readonly time: TimeRange;
  readonly page: PageRequest;
}

export interface AuditRecord extends AuditEntry {
  readonly seq: number;
  readonly position: Position;
}
