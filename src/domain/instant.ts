/** Moments as RFC 3339 writes them, of any precision, compared as moments: `10:00:00Z` is `12:00:00.000+02:00`. */

export interface Instant {
  /** Since the epoch, UTC. */
  readonly minutes: number;
  /** 60 is a leap second. */
  readonly second: number;
  /** Digits after the point, without zeros at the end. */
  readonly fraction: string;
}

const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const MIN_LENGTH = '0000-01-01T00:00:00Z'.length;
const DAY_MINUTES = 24 * 60;

/** `undefined`: it is no `date-time` of RFC 3339, section 5.6. */
export function parseInstant(text: string): Instant | undefined {
  if (text.length < MIN_LENGTH || text[4] !== '-' || text[7] !== '-') return undefined;
  const found = DATE_TIME.exec(text);
  if (found === null) return undefined;
  const number = (group: number) => Number(found[group] ?? 0);
  const year = number(1);
  const month = number(2);
  const day = number(3);
  const hour = number(4);
  const minute = number(5);
  const second = number(6);
  const offsetHour = number(9);
  const offsetMinute = number(10);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59)
    return undefined;
  const offset = (offsetHour * 60 + offsetMinute) * (found[8] === '-' ? -1 : 1);
  return {
    minutes: daysSinceEpoch(year, month, day) * DAY_MINUTES + hour * 60 + minute - offset,
    second,
    fraction: withoutEndZeros(found[7] ?? ''),
  };
}

/** Below, equal or above zero, as of `left - right`. */
export function compareInstants(left: Instant, right: Instant): number {
  if (left.minutes !== right.minutes) return left.minutes - right.minutes;
  if (left.second !== right.second) return left.second - right.second;
  if (left.fraction === right.fraction) return 0;
  return left.fraction < right.fraction ? -1 : 1;
}

function withoutEndZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Of the proleptic Gregorian calendar; years are counted from March, so that the leap day is the last of its year. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const years = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  return years * 365 + leapDays + dayOfYear - 719_468;
}
