/** What is counted of events and attempts, and by what it can be told apart. */

export const EVENT_DIMENSIONS = ['tenant_id', 'topic', 'destination_id'] as const;
export type EventDimension = (typeof EVENT_DIMENSIONS)[number];

export const ATTEMPT_DIMENSIONS = [
  'tenant_id',
  'destination_id',
  'destination_type',
  'topic',
  'status',
  'code',
  'manual',
  'attempt_number',
] as const;
export type AttemptDimension = (typeof ATTEMPT_DIMENSIONS)[number];

/** So many topics of an installation are told apart; what comes under others counts as `*`, which no topic is called. */
export const MAX_TOPICS_TOLD_APART = 10_000;
/** Attempts of a higher number count under this one. */
export const MAX_NUMBER_TOLD_APART = 100;

export interface AttemptCounts {
  readonly count: number;
  readonly failed: number;
  /** Attempts with the number 1. */
  readonly first: number;
  readonly manual: number;
  /** Of the attempts' numbers, for their mean. */
  readonly numberSum: number;
}
