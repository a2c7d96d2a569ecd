/** What a database holds sealed (domain/sealed-box.ts), and whose it is: all that has to move to another key. */

/** A new table with sealed boxes is a kind more here, and a source more in each driver. */
export const SEALED_KINDS = ['tenant', 'destination', 'client'] as const;
export type SealedKind = (typeof SEALED_KINDS)[number];

export type SealedOwner =
  /** The secrets that its destinations share. */
  | { readonly kind: 'tenant'; readonly tenantId: string }
  /** Its credentials. */
  | { readonly kind: 'destination'; readonly tenantId: string; readonly id: string }
  /** The token and the certificate of an API client; the id is its urn. */
  | { readonly kind: 'client'; readonly tenantId: string; readonly id: string };

export interface SealedRow {
  readonly owner: SealedOwner;
  readonly sealed: Uint8Array;
  /** Raised whenever the owner changes it. */
  readonly revision: number;
  /** Of the row among those of its kind; never used twice. */
  readonly position: number;
}
