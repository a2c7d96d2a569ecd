/** Times given as the end of something. */
import { validationFailed } from './errors.ts';
import { parseTime } from './time.ts';

/** Throws where it is no time, or has passed: what never was good is a mistake. */
export function expiryOf(text: string | null, nowMs: number, pointer: string): number | null {
  if (text === null) return null;
  const timeMs = parseTime(text);
  if (timeMs !== undefined && timeMs > nowMs) return timeMs;
  const message =
    timeMs === undefined
      ? 'A time is RFC 3339, such as 2026-11-21T10:00:00Z, or null.'
      : 'This moment has passed: give a later one, or null.';
  const code = timeMs === undefined ? 'format' : 'past';
  throw validationFailed([{ pointer, code, message }]);
}
