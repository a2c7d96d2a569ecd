/** The two ends of a copy from one engine to another: where it comes from, and where it goes. */
import type { Cell, CopyRow, CopyTable } from './copy-tables.ts';

/** Which data it is: those of one database, as one start of a server left them. */
export interface CopyIdentity {
  /** What the ids of the database spell (domain/id.ts). */
  readonly instanceMark: string;
  /** Number of the last start of a server on it. */
  readonly incarnation: number;
}

/** The key of a row in its source, as far as a copy has come. */
export type CopyPosition = readonly Cell[];

export interface CopyBatch {
  readonly rows: readonly CopyRow[];
  /** Of the last row; `null`: there are no more. */
  readonly position: CopyPosition | null;
}

/** Opened with no server on it, and none can start until it is closed. Nothing in it changes. */
export interface CopySource {
  readonly identity: CopyIdentity;
  /** The last number of an event or attempt that was given out. */
  readonly lastSeq: number;
  /** The last number that was given out in each table that numbers its rows, so that none is used again. */
  readonly lastNumbers: ReadonlyMap<CopyTable, number>;
  count(table: CopyTable): number;
  /** The rows after a position, in the order of the key: some, bounded in number and in bytes. `null`: the first ones. */
  read(table: CopyTable, after: CopyPosition | null): CopyBatch;
  close(): void;
}

export interface TableProgress {
  readonly rows: number;
  /** `null` with `isWhole` false: nothing is copied yet. */
  readonly after: CopyPosition | null;
  readonly isWhole: boolean;
}

export type CopyState =
  /** There is nothing in the target. */
  | { readonly kind: 'empty' }
  /** A copy of the same data has begun. */
  | { readonly kind: 'begun'; readonly tables: ReadonlyMap<CopyTable, TableProgress> }
  /** It is whole and was verified; a server may have changed it since. */
  | { readonly kind: 'done' };

/** No server starts on a target while a copy to it is not done. */
export interface CopyTarget {
  /** Throws `CopyRefusedError` where it holds anything else than a copy of these data, or a server is on it. */
  look(identity: CopyIdentity): Promise<CopyState>;
  /** Marks an empty target as a copy that has begun. */
  begin(identity: CopyIdentity): Promise<void>;
  /** Rows, and how far the table has come with them: both or nothing. */
  write(
    table: CopyTable,
    rows: readonly CopyRow[],
    progress: Omit<TableProgress, 'rows'>,
  ): Promise<void>;
  digest(table: CopyTable): Promise<TableDigest>;
  /** Servers may start. What is numbered anew comes after the last numbers of the source. */
  finish(source: Pick<CopySource, 'lastSeq' | 'lastNumbers'>): Promise<void>;
  close(): Promise<void>;
}

export interface TableDigest {
  readonly rows: number;
  /** Equal for equal rows in any order. */
  readonly checksum: string;
}

/** The copy cannot begin or go on; the message says why, and what to do. */
export class CopyRefusedError extends Error {
  override readonly name = 'CopyRefusedError';
}
