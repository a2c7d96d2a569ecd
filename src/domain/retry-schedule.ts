/** When a failed attempt is tried again: a list of delays, or delays that grow by a factor up to a cap. */
import type { Random } from './id.ts';

export interface RetrySchedule {
  /** Delay after the first, second, ... failure; its length is the number of retries. */
  readonly delaysMs: readonly number[];
  /** Each delay is multiplied by a number drawn evenly from [1 - jitter, 1 + jitter]. 0 to 1. */
  readonly jitter: number;
  /** No retry starts later than this after the delivery was first due; `null`: no bound. */
  readonly windowMs: number | null;
}

/** A receiver's `Retry-After` is believed up to this. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/** `base`, `base * factor`, ... each at most `cap`, `count` of them. */
export function exponentialDelays(
  baseMs: number,
  factor: number,
  capMs: number,
  count: number,
): number[] {
  return Array.from({ length: count }, (_, index) => Math.min(baseMs * factor ** index, capMs));
}

/** How long after the first attempt the last one may start, where each attempt fails at once. */
export function longestMs({ delaysMs, jitter, windowMs }: RetrySchedule): number {
  const sumMs = delaysMs.reduce((totalMs, delayMs) => totalMs + delayMs, 0) * (1 + jitter);
  return Math.min(sumMs, windowMs ?? Infinity);
}

export interface RetryQuestion {
  /** Failed attempts of the schedule so far, this one among them: 1 after the first failure. */
  readonly step: number;
  readonly nowMs: number;
  /** When the event came in, or its `deliver_at`. */
  readonly firstDueAtMs: number;
  /** What the receiver asked for; the later of it and the schedule's delay counts, up to the window's end. */
  readonly retryAfterMs?: number | undefined;
}

/** When the next attempt is due, in milliseconds of the wall clock; `null` where the schedule is over. */
export function nextAttemptAtMs(
  schedule: RetrySchedule,
  question: RetryQuestion,
  random: Random,
): number | null {
  const delayMs = schedule.delaysMs[question.step - 1];
  if (delayMs === undefined) return null;
  const spread = schedule.jitter === 0 ? 1 : 1 + schedule.jitter * (random.nextFloat() * 2 - 1);
  const dueMs = question.nowMs + Math.round(delayMs * spread);
  const endMs = schedule.windowMs === null ? Infinity : question.firstDueAtMs + schedule.windowMs;
  if (dueMs > endMs) return null;
  const askedMs = Math.min(question.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  // Who asks for more than is left has one last attempt: a long wait does not end the schedule at once.
  return Math.max(dueMs, Math.min(question.nowMs + Math.round(askedMs), endMs));
}
