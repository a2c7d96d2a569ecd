/** When a message says that it was made, and whether that is near enough. */
import type { TimeSource } from './scheme.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

/** Five minutes, as Standard Webhooks' libraries have it. */
const DEFAULT_TOLERANCE_S = 300;

export interface TimeOptions {
  /** How far from now a signed time may be, either way, in seconds; default 300. `Infinity`: any. */
  readonly toleranceS?: number;
  /** Milliseconds since 1970; default the machine's clock. */
  readonly now?: () => number;
}

const UNIX_SECONDS = /^\d{1,11}$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/;

/** Milliseconds since 1970; `null` where the text is not of the format. */
export function parseTime(format: TimeSource['format'], text: string): number | null {
  switch (format) {
    case 'unix_seconds':
      return UNIX_SECONDS.test(text) ? Number(text) * 1000 : null;
    case 'rfc3339':
      return RFC3339.test(text) ? millisecondsOf(text) : null;
    case 'utc':
      return UTC.test(text) ? millisecondsOf(`${text}Z`) : null;
  }
}

export function describeFormat(format: TimeSource['format']): string {
  switch (format) {
    case 'unix_seconds':
      return 'whole seconds since 1970';
    case 'rfc3339':
      return 'a time as in RFC 3339';
    case 'utc':
      return 'a time in UTC like 2026-11-21T10:00:00.000';
  }
}

/** `null` where the time is within the tolerance, whose edges belong to it. */
export function checkTime(
  timeMs: number,
  { toleranceS = DEFAULT_TOLERANCE_S, now = Date.now }: TimeOptions,
  granularityMs = 1,
): Refused | null {
  // A time in whole seconds was rounded down by the sender: so is now.
  const nowMs = Math.floor(now() / granularityMs) * granularityMs;
  const ageS = (nowMs - timeMs) / 1000;
  if (Math.abs(ageS) <= toleranceS) return null;
  const off = (seconds: number) =>
    `${seconds} s ${ageS > 0 ? 'ago' : 'ahead'}, and ${toleranceS} s are allowed`;
  return ageS > 0
    ? refused('timestamp_too_old', `the message was signed ${off(ageS)}`)
    : refused('timestamp_too_new', `the message was signed ${off(-ageS)}: compare the clocks`);
}

function millisecondsOf(text: string): number | null {
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? null : timeMs;
}
