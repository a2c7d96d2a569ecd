/** The storage port, continued: what deleted tenants leave behind. See storage.ts for what holds for every method. */

export interface ErasingStorage {
  /**
   * Drops some rows of a deleted tenant, whatever they are; `more`: there is more to do. A tenant that was created anew
   * under the id has nothing to do with it.
   */
  tenantEraseSlice(query: { limit: number }): Promise<{ rows: number; more: boolean }>;
  /** Tenants that were deleted, and of which something is left; oldest deletion first. */
  deletionList(): Promise<DeletionRecord[]>;
}

export interface DeletionRecord {
  readonly tenantId: string;
  readonly startedAtMs: number;
  /** Rows. */
  readonly remaining: {
    readonly events: number;
    readonly deliveries: number;
    readonly attempts: number;
  };
}
