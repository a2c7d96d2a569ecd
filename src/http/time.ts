/** Times of the API: RFC 3339, answered in UTC with milliseconds. */

const RFC_3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** The last millisecond of the year 9999, UTC: after it RFC 3339 has no way to write a time. */
const MAX_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Milliseconds since the epoch, or `undefined` where it is no RFC 3339 time of the years 1970 to 9999. */
export function parseTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || !RFC_3339.test(value)) return undefined;
  // A leap second counts as the one before it, as in the time of Unix.
  const timeMs = Date.parse(value.toUpperCase().replace(/:60(?=[.Z+-])/, ':59'));
  if (Number.isNaN(timeMs) || timeMs < 0 || timeMs > MAX_TIME_MS) return undefined;
  const day = Number(value.slice(8, 10));
  const daysInMonth = new Date(
    Date.UTC(Number(value.slice(0, 4)), Number(value.slice(5, 7)), 0),
  ).getUTCDate();
  return day <= daysInMonth ? timeMs : undefined;
}

export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

export function formatTimeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : formatTime(timeMs);
}
