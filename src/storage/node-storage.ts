/**
 * The part of the storage port for several nodes over one database: what they learn of each other. See storage.ts for
 * what holds of all its methods.
 */
export interface NodeStorage {
  /** What other nodes (and this one) have committed after the moment `afterSeq`, and that moment by now. */
  changes(query: { afterSeq: number }): Promise<Changes>;
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
