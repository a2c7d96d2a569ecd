/** What a storage keeps in memory from one transaction to the next; all of it can be had again from the database. */
import type { DaysMade } from './days.ts';
import type { EventTenants } from './event-tenants.ts';
import type { RequestShapes } from './request-shapes.ts';
import type { RollupSlices } from './rollup-read.ts';
import type { Routes } from './routes.ts';

export interface Memory {
  readonly routes: Routes;
  readonly shapes: RequestShapes;
  readonly eventTenants: EventTenants;
  readonly rollups: RollupSlices;
  /** Rounds over the keys of ordered lanes, by the destination's number. */
  readonly rounds: Map<number, OrderedRound>;
  readonly days: DaysMade;
  /** Where the last slice of retention ended: what owes something is not read again in this round. */
  readonly retention: { fromSeq: number; keysFromSeq: number };
  /** What nodes had told when this one asked (untold.ts): values by names. */
  readonly seenMarks: Map<string, string>;
}

/** A round over the keys of one lane, which may take several claims. */
export interface OrderedRound {
  after: string;
  nextDueAtMs: number;
}
