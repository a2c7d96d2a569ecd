/** An application's outbox: where it is, and what becomes of an event in it. */

export interface OutboxPlace {
  /** Tells outboxes apart in logs and metrics. */
  readonly name: string;
  /** Of the application's PostgreSQL, perhaps with a password. */
  readonly url: string;
  readonly schema: string;
}

export const DEFAULT_OUTBOX_SCHEMA = 'angarium';

/** A schema's name as it may stand in SQL in quotes: no characters that mean something there. */
export const OUTBOX_SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;

/** What came of the publish of one event. */
export type OutboxVerdict =
  /** It is in the event store. `duplicate`: it was there before. */
  | { readonly kind: 'stored'; readonly duplicate: boolean }
  /** It will be refused whenever it comes. `code`: as in the API's errors. */
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  /** Its tenant may not publish as much: in so long again. */
  | { readonly kind: 'later'; readonly waitMs: number }
  /** The event store takes nothing at the moment. */
  | { readonly kind: 'unavailable' }
  /** Something unexpected, which may pass or not. */
  | { readonly kind: 'broken'; readonly code: string; readonly reason: string };

/** Publishes events, each the JSON of one as the API takes it; a verdict for each, in order. It does not reject. */
export type PublishFromOutbox = (events: readonly Buffer[]) => Promise<readonly OutboxVerdict[]>;

/** What is measured of a relay. */
export interface OutboxMeasures {
  readonly name: string;
  /** Whether the application's database answered the last time. */
  readonly isUp: boolean;
  /** How long the oldest event that is not published yet has waited, at most. */
  readonly lagMs: number;
  /** Since the start of this process. */
  readonly published: number;
  readonly duplicates: number;
  readonly refused: number;
}
