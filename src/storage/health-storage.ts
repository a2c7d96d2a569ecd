/** The part of the storage port for how destinations fare and end. See storage.ts for what holds of all its methods. */
import type { AttemptKind, FailureReason } from '../domain/attempt.ts';
import type { Health } from '../domain/health.ts';
import type { DeliveryKey } from './reading.ts';

export interface HealthStorage {
  /**
   * Of destinations that are not there any more, or are others of their id by now, nothing is kept. `toldUpToMs`: what
   * was recorded before then has been told to all who listen.
   */
  healthPut(query: { entries: readonly HealthEntry[]; toldUpToMs?: number }): Promise<void>;
  /**
   * Deliveries that failed for good, and stand so, by attempts recorded since `toldUpToMs`; test events left out. In the
   * order of their records, by pages; `after`: the last one's `position`. `toldUpToMs` is `null` where none was put.
   */
  untoldFailures(query: {
    after: number | null;
    limit: number;
  }): Promise<{ toldUpToMs: number | null; failures: readonly UntoldFailure[] }>;
  /** What was put, by pages; `after`: the last entry's `position`, 0 at first. */
  healthPage(query: {
    after: number;
    limit: number;
  }): Promise<(HealthEntry & { position: number })[]>;
  /**
   * Enabled destinations whose time is over, or who are to be warned: 7 days before and 1 day before, where
   * `expiryWarned` has not been called for it yet. The nearest first. `nextAtMs`: when the next one's time is over.
   */
  destinationsEnding(query: { nowMs: number; limit: number }): Promise<{
    ending: readonly { tenantId: string; id: string; expiresAtMs: number }[];
    nextAtMs: number | null;
  }>;
  expiryWarned(query: {
    tenantId: string;
    id: string;
    expiresAtMs: number;
    days: 7 | 1;
  }): Promise<void>;
}

export interface HealthEntry {
  readonly tenantId: string;
  readonly destinationId: string;
  /** Of the destination: tells it from others that had its id. */
  readonly createdAtMs: number;
  readonly health: Health;
}

/** A delivery's last attempt, which failed. */
export interface UntoldFailure {
  readonly position: number;
  /** When it was recorded. */
  readonly atMs: number;
  readonly tenantId: string;
  readonly destinationId: string;
  /** Of the destination. */
  readonly createdAtMs: number;
  readonly delivery: DeliveryKey;
  readonly eventId: string;
  readonly eventTopic: string;
  readonly eligibleForRetry: boolean;
  readonly attempts: number;
  readonly kind: AttemptKind;
  /** Failed attempts of the schedule, this one among them. */
  readonly step: number;
  readonly reason: FailureReason;
  /** Of the answer; `null`: there was none. */
  readonly status: number | null;
  readonly code: string;
}
