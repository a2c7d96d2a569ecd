/**
 * The storage port: everything that must survive a crash, and nothing that decides. A driver is one folder beside this
 * file and passes `test/conformance/storage.ts`.
 *
 * Each method is one transaction, durable when its promise resolves; a driver may run several in one. All of them
 * reject with `StorageUnavailableError` where the medium refuses (disk full, database gone): then nothing of the call
 * was kept, and the same call may work later; and with `StorageInDoubtError` where the way to it broke in the commit.
 *
 * `audit`: the entry of the audit log that tells of the change; it is written in the same transaction, and only where
 * something was changed.
 */
import type {
  AttemptKind,
  AttemptRequest,
  AttemptResponse,
  FailureReason,
  Timings,
} from '../domain/attempt.ts';
import type { AuditAuthor, AuditEntry } from '../domain/audit.ts';
import type { Destination } from '../domain/destination.ts';
import type { IdCodec } from '../domain/id.ts';
import type { Order } from '../domain/order.ts';
import type { TenantSettings, TenantSettingsChange } from '../domain/tenant.ts';
import type { ClaimedLane, LaneClaim, WaitingLane } from './claiming.ts';
import type { ClientStorage, StoredClient } from './client-storage.ts';
import type { KeyStorage } from './key-storage.ts';
import type { MetricsStorage } from './metrics.ts';
import type { ErasingStorage } from './erasing.ts';
import type { ReplayStorage } from './replaying.ts';
import type {
  AttemptQuery,
  DeliveryKey,
  DeliveryQuery,
  DeliveryRecord,
  EventQuery,
  EventRecord,
  Page,
  PageRequest,
  Position,
  ReplicaView,
  StoredAttempt,
} from './reading.ts';
import type { TopicStorage } from './topic-storage.ts';
import type { HealthStorage } from './health-storage.ts';
import type { MailStorage } from './mail-storage.ts';
import type { NodeStorage } from './node-storage.ts';
import type { SealedKind, SealedRow } from './sealed.ts';

/** The medium refused; nothing was kept. `reason` is for logs and readiness, not for tenants. */
export class StorageUnavailableError extends Error {
  override readonly name: string = 'StorageUnavailableError';
}

/** The medium was lost while it committed: what was asked for has been done, or has not. Else as when it refuses. */
export class StorageInDoubtError extends StorageUnavailableError {
  override readonly name = 'StorageInDoubtError';
}

/** The database cannot be opened as it is; `kind` decides the exit code and the advice. */
export class StorageOpenError extends Error {
  override readonly name = 'StorageOpenError';
  readonly kind: 'held' | 'newer' | 'corrupt' | 'unreachable';

  constructor(kind: StorageOpenError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export interface Storage
  extends
    ClientStorage,
    KeyStorage,
    TopicStorage,
    MetricsStorage,
    HealthStorage,
    MailStorage,
    ReplayStorage,
    ErasingStorage {
  /** What other nodes do; `null`: this process alone has the database. */
  readonly nodes: NodeStorage | null;

  /**
   * How much of its time, of late, the database writes for this process one thing after the other, 0 to 1: from about 0.85
   * on, that is what everything waits for. Not there where a thread of the process does it.
   */
  utilization?(): number;

  /** The server that what may lag is read from; `null`, or not there: there is none. */
  replica?(): ReplicaView | null;

  /** How this database spells the ids of events, deliveries and attempts. */
  readonly ids: IdCodec;

  /** How many events, outcomes or claims are best written together: more keep others waiting, fewer cost more each. */
  readonly groupSize: number;

  // ── Tenants ──────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Creates the tenant, or replaces its metadata; settings are merged, where `null` takes one away. `author`: for the
   * audit log, see `tenantAudit`.
   */
  tenantUpsert(tenant: {
    id: string;
    metadata: StringMap;
    settings?: TenantSettingsChange;
    author?: AuditAuthor | null;
  }): Promise<{ created: boolean; tenant: TenantRecord }>;
  tenantGet(query: { id: string }): Promise<TenantRecord | null>;
  /** By age. `ids` empty: all. `hidden`: left out, whoever asks. `count` is that of all matches. */
  tenantList(query: {
    ids: readonly string[];
    hidden?: string;
    page: PageRequest;
  }): Promise<Page<TenantRecord> & { count: number }>;
  /** What the tenant's destinations have in common; `null` where there is no such tenant. */
  tenantDefaultsGet(query: { id: string }): Promise<TenantDefaults | null>;
  /** Replaces the tenant's secrets, if they are still as they were when they were read; raises the routing version. */
  tenantSecretsPut(query: {
    id: string;
    sealed: Uint8Array;
    ifRevision: number;
    audit?: AuditEntry | null;
  }): Promise<'updated' | 'changed_meanwhile' | 'unknown'>;
  /**
   * Removes the tenant and its destinations at once, and cancels what they were owed; `false`: there is none. All else
   * that there is of it is dropped by `tenantEraseSlice`.
   */
  tenantDelete(query: { id: string; author?: AuditAuthor | null }): Promise<boolean>;

  // ── Destinations ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Each change of a tenant's destinations raises the tenant's routing version. */
  destinationInsert(query: {
    destination: StoredDestination;
    maxPerTenant: number;
    audit?: AuditEntry | null;
  }): Promise<'inserted' | 'id_taken' | 'unknown_tenant' | 'too_many'>;
  /**
   * Replaces the row, if it is still as it was when it was read (`ifRevision`).
   * `cancelPending`: what it was owed up to now is canceled, in slices, by `cancelSlice`. One that is enabled by it
   * forgets its health; one whose end is moved forgets that it was warned of it.
   */
  destinationUpdate(query: {
    destination: StoredDestination;
    ifRevision: number;
    cancelPending: boolean;
    audit?: AuditEntry | null;
  }): Promise<'updated' | 'changed_meanwhile' | 'unknown'>;
  /**
   * Its id is free again at once; its history stays until retention ends, and what it was owed is canceled.
   * `ifRevision`: only if it is still as it was when it was read.
   */
  destinationDelete(query: {
    tenantId: string;
    id: string;
    ifRevision?: number | null;
    audit?: AuditEntry | null;
  }): Promise<'deleted' | 'changed_meanwhile' | 'unknown'>;
  destinationGet(query: { tenantId: string; id: string }): Promise<StoredDestination | null>;
  /** Oldest first. */
  destinationList(query: { tenantId: string }): Promise<StoredDestination[]>;

  // ── Routing ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Every tenant with its routing version and destinations, by pages; `after`: the last tenant's `position`. */
  routingPage(query: { after: number; limit: number }): Promise<TenantRouting[]>;
  /** The same of one tenant; `null` where there is none. */
  routingOf(query: { tenantId: string }): Promise<TenantRouting | null>;

  // ── Sealed secrets ───────────────────────────────────────────────────────────────────────────────────────────

  /** The sealed boxes of a kind, by position; `after`: the position of the last one that was seen, 0 at first. */
  sealedList(query: { kind: SealedKind; after: number; limit: number }): Promise<SealedRow[]>;
  /**
   * Puts other boxes with the same content in place, each if its row is as it was read (`revision`). Nothing else of the
   * rows changes, revisions and routing versions neither. `resealed`: how many were.
   */
  reseal(query: { rows: readonly SealedRow[] }): Promise<{ resealed: number }>;

  // ── The way of an event ──────────────────────────────────────────────────────────────────────────────────────

  /**
   * Stores events and the deliveries that they owe, in the order given, numbered in that order. An event whose tenant's
   * routing version has moved is not stored (`stale_routing`): match it anew and come again. The rest is stored.
   */
  publish(query: { events: readonly NewEvent[] }): Promise<PublishOutcome[]>;
  /**
   * Writes what attempts produced. `lost`: nothing of it was written, as this node no longer holds the
   * delivery's claim, or holds it anew with that attempt written already.
   * `canceled`: the attempt was written, but the delivery had been canceled meanwhile and stays so.
   */
  record(query: { attempts: readonly AttemptRecord[] }): Promise<RecordOutcome[]>;
  /**
   * Claims due deliveries for this node, lane by lane, each lane's oldest due first, with their events; perhaps also what
   * was due at once before a clock was set back; or retries alone (`LaneClaim.retriesFromMs`). Nothing while `cancelSlice` has work there: `nextDueAtMs` is soon.
   * With them what this node was given since `givenAfter`, which is recorded and released as what it has claimed.
   */
  claim(query: { lanes: readonly LaneClaim[]; dueBeforeMs: number }): Promise<ClaimedLane[]>;
  /** Gives up claims of this node without an attempt: they are due again at once, or stay canceled (docs/decisions/028). */
  release(query: { deliveries: readonly DeliveryKey[] }): Promise<void>;
  /** Every lane with deliveries that no live node has claimed, or that one was given, and when its first is due. */
  waitingLanes(): Promise<WaitingLane[]>;
  /**
   * Makes a delivery pending and due now, whatever its status, and creates it where the destination never had the event.
   * `disabled`: nothing was done. `in_attempt`: a live node has it in memory; it goes on, if it was canceled there.
   * One that such a node was given is due already.
   */
  retryByHand(query: {
    tenantId: string;
    eventSeq: number;
    destinationId: string;
    nowMs: number;
    audit?: AuditEntry | null;
  }): Promise<'due' | 'in_attempt' | 'disabled' | 'unknown'>;
  /**
   * Cancels one pending delivery; `in_attempt`: it is canceled while this node has it in memory. One that failed and
   * holds its order key stays failed, and lets the key go. `code`: why, instead of the last attempt's.
   */
  cancel(query: {
    delivery: DeliveryKey;
    nowMs: number;
    code?: 'superseded';
    audit?: AuditEntry | null;
  }): Promise<'canceled' | 'in_attempt' | 'final' | 'unknown'>;
  /** Cancels some of what deleted and disabled destinations were owed; `more`: there is more to do. */
  cancelSlice(query: {
    limit: number;
    nowMs: number;
  }): Promise<{ canceled: number; more: boolean }>;
  /**
   * Drops some of the events (with deliveries and attempts) that came in before, owe nothing, hold no order key (but of a
   * deleted destination) and are counted by `rollUpSlice`; `more` as above. `wholeDays`: a driver to which it is cheaper
   * may keep all of the day (UTC) in which `beforeMs` lies. `events`: how many; of a day that is dropped at once, about as
   * many as the database knows of.
   */
  pruneSlice(query: {
    beforeMs: number;
    limit: number;
    wholeDays?: boolean;
  }): Promise<{ events: number; more: boolean }>;
  /** Lets the engine of the database tidy up when there is nothing better to do (checkpoints). */
  maintain(): Promise<void>;

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** All matches of an id: without a tenant, several tenants may have used it. */
  eventGet(query: { id: string; tenantId: string | null }): Promise<EventRecord[]>;
  eventList(query: EventQuery): Promise<Page<EventRecord>>;
  /**
   * The events of such a list whose `data` hold a text, byte for byte. It looks at so many rows and about so many bytes
   * at most: where `more` is true, what follows the last row looked at, `stoppedAt`, was not.
   */
  eventSearch(
    query: EventQuery & { text: string; maxRows: number; maxBytes: number },
  ): Promise<Page<EventRecord> & { readonly stoppedAt: Position | null }>;
  deliveryGet(query: { delivery: DeliveryKey }): Promise<DeliveryRecord | null>;
  deliveryList(query: DeliveryQuery): Promise<Page<DeliveryRecord>>;
  attemptGet(query: { seq: number }): Promise<StoredAttempt | null>;
  attemptList(query: AttemptQuery): Promise<Page<StoredAttempt>>;
  /** Resolves when a trivial write went through. */
  ping(): Promise<void>;

  /** Finishes what was asked for, gives up the hold on the database. */
  close(): Promise<void>;
}

export type StringMap = Readonly<Record<string, string>>;

export interface TenantDefaults {
  readonly settings: TenantSettings;
  readonly secrets: TenantSecrets;
  /** Its API clients that are not revoked. */
  readonly clients: readonly StoredClient[];
}

/** Secrets that all destinations of a tenant share (domain/sealed-box.ts); `sealed` is `null` while there are none. */
export interface TenantSecrets {
  readonly sealed: Uint8Array | null;
  /** Raised by each change. */
  readonly revision: number;
}

export interface TenantRecord {
  readonly id: string;
  readonly metadata: StringMap;
  readonly settings: TenantSettings;
  readonly destinationsCount: number;
  /** All topics and patterns of its destinations, sorted, each once. */
  readonly topics: readonly string[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly position: Position;
}

/** A destination with its credentials sealed (domain/sealed-box.ts). */
export interface StoredDestination extends Destination {
  readonly sealedCredentials: Uint8Array;
  /** Raised by each update; the guard against lost updates. */
  readonly revision: number;
}

export interface TenantRouting {
  readonly tenantId: string;
  readonly version: number;
  readonly defaults: TenantDefaults;
  readonly destinations: readonly StoredDestination[];
  readonly position: number;
}

export interface NewEvent {
  readonly tenantId: string;
  readonly routingVersion: number;
  /** The caller's id; `null`: one is made from the event's number. */
  readonly id: string | null;
  readonly topic: string;
  /** `null`: the moment of ingestion. */
  readonly timeMs: number | null;
  readonly eligibleForRetry: boolean;
  readonly metadata: string | null;
  readonly resource: string | null;
  /** The caller's `order_key`. */
  readonly orderKey: string | null;
  /** Deliveries are due then; claimed ones are not asked for with it. `null`: at once. */
  readonly deliverAtMs: number | null;
  readonly data: Uint8Array;
  /** Sent to try a destination out. */
  readonly test: boolean;
  /** The `destination_id` that the caller asked for. */
  readonly requestedDestinationId: string | null;
  /**
   * Those matched, in the order of their ordinals. What is not claimed and has neither order nor a time is given to the
   * node that owns the destination's lane, where there are nodes and one does: only that one gets it (`claim`).
   */
  readonly destinations: readonly {
    readonly id: string;
    readonly claimed: boolean;
    /** `none` where it is left out. */
    readonly order?: Order;
  }[];
}

export type PublishOutcome =
  | {
      readonly kind: 'stored';
      readonly seq: number;
      readonly timeMs: number;
      /** Ordinals that were to be claimed and are not: something of their key that this node does not have goes first. */
      readonly behind?: readonly number[];
      /** Deliveries that this node has claimed, and that a newer version has made pointless. */
      readonly superseded?: readonly DeliveryKey[];
    }
  | { readonly kind: 'duplicate'; readonly destinationIds: readonly string[] }
  /** The same id was published with other content. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'stale_routing' }
  | { readonly kind: 'unknown_tenant' };

/** What comes after an attempt; decided by the engine. */
export type Verdict =
  | { readonly status: 'delivered' }
  /** `holds`: it keeps its order key from those behind it. */
  | { readonly status: 'failed'; readonly holds?: boolean }
  | { readonly status: 'pending'; readonly nextAttemptAtMs: number };

export interface AttemptRecord {
  readonly delivery: DeliveryKey;
  readonly number: number;
  readonly kind: AttemptKind;
  /** Failed attempts of the schedule after this one. */
  readonly step: number;
  readonly verdict: Verdict;
  readonly startedAtMs: number;
  /** `null`: it was delivered. */
  readonly reason: FailureReason | null;
  readonly detail: string | null;
  readonly timings: Timings;
  readonly request: AttemptRequest;
  readonly response: AttemptResponse | null;
}

export type RecordOutcome = 'recorded' | 'canceled' | 'lost';
