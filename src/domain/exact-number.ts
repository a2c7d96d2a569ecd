/**
 * JSON numbers, compared by the value that is written, not by the double next to it.
 *
 * Decimals of up to 15 digits, well within the range of doubles, have a double of their own each, in the same order: they
 * are carried as that. All others are an `ExactNumber`, which keeps its spelling. Which of the two it is depends on the
 * value alone, so a `number` never equals an `ExactNumber`.
 */

/** What every double can tell apart (DBL_DIG of C). */
const MAX_DOUBLE_DIGITS = 15;
/** Of the decimal point; beyond these doubles end or lose digits. */
const MIN_DOUBLE_POINT = -290;
const MAX_DOUBLE_POINT = 300;
const MAX_EXPONENT_DIGITS = 15;

export type JsonNumber = number | ExactNumber;

export class ExactNumber {
  readonly spelling: string;
  /** @internal */
  readonly parts: Parts;

  constructor(spelling: string, parts: Parts) {
    this.spelling = spelling;
    this.parts = parts;
  }
}

/** The value is 0.`digits` times ten to the power of `point`. */
interface Parts {
  readonly isNegative: boolean;
  /** Without zeros at either end; empty: zero. */
  readonly digits: string;
  /** A bigint only where no number holds it. */
  readonly point: number | bigint;
}

/** Of a number as JSON spells it. */
export function jsonNumber(spelling: string): JsonNumber {
  if (spelling.length <= MAX_DOUBLE_DIGITS && !/e/i.test(spelling)) return Number(spelling);
  const parts = partsOf(spelling);
  if (parts.digits === '') return 0;
  const isDouble =
    parts.digits.length <= MAX_DOUBLE_DIGITS &&
    parts.point >= MIN_DOUBLE_POINT &&
    parts.point <= MAX_DOUBLE_POINT;
  return isDouble ? Number(spelling) : new ExactNumber(spelling, parts);
}

/** Below, equal or above zero, as of `left - right`. */
export function compareNumbers(left: JsonNumber, right: JsonNumber): number {
  if (typeof left === 'number' && typeof right === 'number')
    return left < right ? -1 : left > right ? 1 : 0;
  return compareParts(asParts(left), asParts(right));
}

/** A double that stands for its decimal is spelled as that decimal. */
function asParts(value: JsonNumber): Parts {
  return typeof value === 'number' ? partsOf(String(value)) : value.parts;
}

function compareParts(left: Parts, right: Parts): number {
  const leftSign = signOf(left);
  const rightSign = signOf(right);
  if (leftSign !== rightSign) return leftSign - rightSign;
  if (left.point !== right.point) return left.point < right.point ? -leftSign : leftSign;
  if (left.digits === right.digits) return 0;
  return left.digits < right.digits ? -leftSign : leftSign;
}

function signOf({ isNegative, digits }: Parts): number {
  if (digits === '') return 0;
  return isNegative ? -1 : 1;
}

function partsOf(spelling: string): Parts {
  const isNegative = spelling.startsWith('-');
  const exponentAt = spelling.search(/e/i);
  const mantissa = spelling.slice(
    isNegative ? 1 : 0,
    exponentAt === -1 ? spelling.length : exponentAt,
  );
  const dotAt = mantissa.indexOf('.');
  const whole = dotAt === -1 ? mantissa : mantissa.slice(0, dotAt);
  const all = dotAt === -1 ? mantissa : whole + mantissa.slice(dotAt + 1);
  let start = 0;
  while (start < all.length && all.charCodeAt(start) === ZERO) start++;
  let end = all.length;
  while (end > start && all.charCodeAt(end - 1) === ZERO) end--;
  const digits = all.slice(start, end);
  if (digits === '') return { isNegative: false, digits, point: 0 };
  const shift = whole.length - start;
  const exponent = exponentAt === -1 ? '0' : spelling.slice(exponentAt + 1);
  return { isNegative, digits, point: pointOf(exponent, shift) };
}

function pointOf(exponent: string, shift: number): number | bigint {
  if (exponent.length <= MAX_EXPONENT_DIGITS) return Number(exponent) + shift;
  const point = BigInt(exponent.startsWith('+') ? exponent.slice(1) : exponent) + BigInt(shift);
  const asNumber = Number(point);
  return Number.isSafeInteger(asNumber) ? asNumber : point;
}

const ZERO = 0x30;
