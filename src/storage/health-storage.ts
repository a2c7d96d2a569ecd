/** The part of the storage port for how destinations fare and end. See storage.ts for what holds of all its methods. */
import type { Health } from '../domain/health.ts';

export interface HealthStorage {
  /** Of destinations that are not there any more, or are others of their id by now, nothing is kept. */
  healthPut(query: { entries: readonly HealthEntry[] }): Promise<void>;
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
