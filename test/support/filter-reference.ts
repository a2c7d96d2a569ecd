/**
 * What a filter means, said once more and as plainly as possible: slow, on a model of JSON of its own, in which a number
 * is the text that it was written as. Written after docs/guides/filters.md, not after the code.
 */

export type Json = null | boolean | string | Numeral | readonly Json[] | Members;

export interface Numeral {
  readonly kind: 'number';
  readonly text: string;
}

/** Of an object, each name once. */
export interface Members {
  readonly kind: 'object';
  readonly members: readonly (readonly [name: string, value: Json])[];
}

const ABSENT = Symbol('absent');
type Seen = Json | typeof ABSENT;

export function referenceMatches(filter: Json, event: Json): boolean {
  return matches(filter, event);
}

export function textOf(value: Json): string {
  if (isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  if (isNumeral(value)) return value.text;
  if (isMembers(value))
    return `{ ${value.members.map(([name, member]) => `${JSON.stringify(name)}:${textOf(member)}`).join(' ,\n')}}`;
  return JSON.stringify(value);
}

function matches(filter: Json, seen: Seen): boolean {
  if (isArray(filter))
    return isArray(seen) && filter.every((item) => seen.some((element) => matches(item, element)));
  if (!isMembers(filter)) {
    if (isArray(seen)) return seen.some((element) => matches(filter, element));
    return seen !== ABSENT && same(filter, seen);
  }
  const operators = filter.members.filter(([name]) => name.startsWith('$'));
  const names = filter.members.filter(([name]) => !name.startsWith('$'));
  return (
    operators.every(([name, operand]) => holds(name, operand, seen)) && namesMatch(names, seen)
  );
}

function namesMatch(names: Members['members'], seen: Seen): boolean {
  if (names.length === 0) return true;
  if (isArray(seen)) return seen.some((element) => namesMatch(names, element));
  return names.every(([name, condition]) => matches(condition, memberOf(seen, name)));
}

function memberOf(seen: Seen, wanted: string): Seen {
  if (!isMembers(seen)) return ABSENT;
  const found = seen.members.find(([name]) => name === wanted);
  return found === undefined ? ABSENT : found[1];
}

function holds(operator: string, operand: Json, seen: Seen): boolean {
  const list = isArray(operand) ? operand : [operand];
  const texts = list.filter((item) => typeof item === 'string');
  switch (operator) {
    case '$eq':
      return seen !== ABSENT && same(operand, seen);
    case '$neq':
      return !holds('$eq', operand, seen);
    case '$gt':
      return order(seen, operand) === 1;
    case '$gte':
      return [0, 1].includes(order(seen, operand));
    case '$lt':
      return order(seen, operand) === -1;
    case '$lte':
      return [-1, 0].includes(order(seen, operand));
    case '$in':
      if (seen === ABSENT) return false;
      if (isArray(operand)) return operand.some((item) => same(item, seen));
      if (isArray(seen)) return seen.some((element) => same(operand, element));
      return typeof operand === 'string' && typeof seen === 'string' && seen.includes(operand);
    case '$nin':
      return !holds('$in', operand, seen);
    case '$startsWith':
      return texts.some((text) => typeof seen === 'string' && seen.startsWith(text));
    case '$endsWith':
      return texts.some((text) => typeof seen === 'string' && seen.endsWith(text));
    case '$exist':
      return (seen !== ABSENT) === operand;
    case '$and':
      return list.every((condition) => matches(condition, seen));
    case '$or':
      return list.some((condition) => matches(condition, seen));
    case '$not':
      return !matches(operand, seen);
    default:
      throw new Error(`no operator ${operator}`);
  }
}

function same(left: Json, right: Json): boolean {
  if (isArray(left))
    return (
      isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => same(item, right[index] ?? null))
    );
  if (isNumeral(left)) return isNumeral(right) && compareNumerals(left, right) === 0;
  if (!isMembers(left)) return left === right;
  if (!isMembers(right) || left.members.length !== right.members.length) return false;
  return left.members.every(([name, value]) => {
    const other = memberOf(right, name);
    return other !== ABSENT && same(value, other);
  });
}

/** -1, 0 or 1; NaN where there is no order. */
function order(left: Seen, right: Json): number {
  if (left === ABSENT) return Number.NaN;
  if (isNumeral(left) && isNumeral(right)) return compareNumerals(left, right);
  if (typeof left !== 'string' || typeof right !== 'string') return Number.NaN;
  const leftMoment = moment(left);
  const rightMoment = moment(right);
  if (leftMoment !== null && rightMoment !== null) return sign(leftMoment - rightMoment);
  const leftPoints = [...left].map((character) => character.codePointAt(0) ?? 0);
  const rightPoints = [...right].map((character) => character.codePointAt(0) ?? 0);
  for (let index = 0; ; index++) {
    const leftPoint = leftPoints[index] ?? -1;
    const rightPoint = rightPoints[index] ?? -1;
    if (leftPoint !== rightPoint) return leftPoint < rightPoint ? -1 : 1;
    if (leftPoint === -1) return 0;
  }
}

/** Nanoseconds since the epoch. Without leap seconds, for which there is a table of its own. */
function moment(text: string): bigint | null {
  const upper = text.toUpperCase();
  const [head = '', tail = ''] = upper.split(/\.(.*)/s);
  const fraction = tail === '' ? '' : (/^\d+/.exec(tail)?.[0] ?? 'none');
  const whole = head + tail.slice(fraction.length);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/.test(whole)) return null;
  const ms = Date.parse(whole);
  if (Number.isNaN(ms) || (upper.includes('.') && tail === '')) return null;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}

function sign(difference: bigint): number {
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** On integers: both are scaled by the same power of ten. */
function compareNumerals(left: Numeral, right: Numeral): number {
  const scale = 2000;
  return sign(scaled(left.text, scale) - scaled(right.text, scale));
}

function scaled(text: string, scale: number): bigint {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const power = scale + Number(exponent) - fraction.length;
  if (power < 0) throw new Error(`${text} is too small for this reference`);
  return (
    BigInt(whole.replace('-', '') + fraction) *
    10n ** BigInt(power) *
    (text.startsWith('-') ? -1n : 1n)
  );
}

function isArray(value: Seen): value is readonly Json[] {
  return Array.isArray(value);
}

function isNumeral(value: Seen): value is Numeral {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'number';
}

function isMembers(value: Seen): value is Members {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'object';
}
