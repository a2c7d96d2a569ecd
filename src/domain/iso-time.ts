/** Times as RFC 3339 in UTC, with milliseconds: `2026-11-21T10:00:00.000Z`. */

// Many messages are of the same millisecond, and each says it several times.
const last = { timeMs: 0, text: '1970-01-01T00:00:00.000Z' };

/** Throws `RangeError` where it is no time. */
export function isoTime(timeMs: number): string {
  if (timeMs !== last.timeMs) {
    last.text = new Date(timeMs).toISOString();
    last.timeMs = timeMs;
  }
  return last.text;
}

/** Without saying that it is UTC: `2026-11-21T10:00:00.000`, as Baack writes times. */
export function zonelessTime(timeMs: number): string {
  return isoTime(timeMs).slice(0, -1);
}
