/** A retry schedule as the times that it means. */
import type { RetrySchedule } from '../../domain/retry-schedule.ts';
import { arrayOf, nullable, number, object, string } from './json-schema.ts';

export const ShownSchedule = object(
  {
    attempts_after_s: arrayOf(number(), {
      description:
        'When the attempts are, in seconds after the first, where each fails at once; without jitter, which spreads each pause by that share both ways.',
    }),
    attempts_after: arrayOf(string(), {
      description: 'The same as ISO 8601 durations: `PT5M5S`.',
    }),
    jitter: number(),
    window_s: nullable(number(), {
      description:
        'No attempt starts later than so long after the first was due; null: there is no such bound.',
    }),
  },
  { description: 'When it is tried again.' },
);

export function scheduleJson({ delaysMs, jitter, windowMs }: RetrySchedule) {
  const momentsMs = attemptsAfterMs(delaysMs).filter((ms) => ms <= (windowMs ?? Infinity));
  return {
    attempts_after_s: momentsMs.map((ms) => ms / 1000),
    attempts_after: momentsMs.map(isoDuration),
    jitter,
    window_s: windowMs === null ? null : windowMs / 1000,
  };
}

function attemptsAfterMs(delaysMs: readonly number[]): number[] {
  const moments = [0];
  for (const delayMs of delaysMs) moments.push((moments.at(-1) ?? 0) + delayMs);
  return moments;
}

const UNITS = [
  ['H', 3_600_000],
  ['M', 60_000],
] as const;

/** Hours, minutes and seconds: a day of a schedule always has 24 hours. */
function isoDuration(timeMs: number): string {
  let leftMs = timeMs;
  let text = 'PT';
  for (const [letter, unitMs] of UNITS) {
    const count = Math.floor(leftMs / unitMs);
    leftMs -= count * unitMs;
    if (count > 0) text += `${count}${letter}`;
  }
  return leftMs > 0 || text === 'PT' ? `${text}${Math.round(leftMs) / 1000}S` : text;
}
