/**
 * Query parameters, read once and checked: an unknown one is an error, as it would be silently ignored. Lists come as
 * `id=a&id=b`, `id[]=a` or `id[0]=a`.
 */
import { validationFailed } from './errors.ts';
import type { FieldError } from './errors.ts';
import { parseTime } from './time.ts';
import type { TimeRange } from '../storage/reading.ts';

/** Values of one parameter. */
export const MAX_LIST = 100;

export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #problems: FieldError[] = [];

  constructor(given: unknown, known: readonly string[]) {
    this.#values = collect(given);
    for (const name of this.#values.keys()) {
      if (!known.includes(name)) {
        const hint = known.length === 0 ? ' here' : `; there are ${known.join(', ')}`;
        this.wrong(name, 'unknown_parameter', `There is no such parameter${hint}.`);
      }
    }
  }

  /** Throws everything that was found wrong. Call it last. */
  done(): void {
    if (this.#problems.length > 0) throw validationFailed(this.#problems);
  }

  wrong(name: string, code: string, message: string): void {
    this.#problems.push({ pointer: `?${name}`, code, message });
  }

  text(name: string): string | null {
    const values = this.list(name);
    if (values.length > 1) this.wrong(name, 'repeated', 'This parameter is given once.');
    return values[0] ?? null;
  }

  list(name: string): readonly string[] {
    const values = this.#values.get(name) ?? [];
    if (values.length > MAX_LIST) this.wrong(name, 'too_many', `At most ${MAX_LIST} values.`);
    return values;
  }

  oneOf<Value extends string>(name: string, allowed: readonly Value[]): Value | null {
    const text = this.text(name);
    const value = allowed.find((each) => each === text);
    if (text !== null && value === undefined)
      this.wrong(name, 'enum', `It is one of ${allowed.join(', ')}.`);
    return value ?? null;
  }

  /** All values of a list are of these. */
  allOf<Value extends string>(name: string, allowed: readonly Value[]): readonly Value[] {
    return this.list(name).flatMap((text) => {
      const value = allowed.find((each) => each === text);
      if (value === undefined) this.wrong(name, 'enum', `It is one of ${allowed.join(', ')}.`);
      return value ?? [];
    });
  }

  integer(name: string, min: number, max: number): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    this.wrong(name, 'range', `It is a whole number from ${min} to ${max}.`);
    return null;
  }

  /** A moment that has to be given, in milliseconds; `null` where it is missing or wrong. */
  moment(name: string): number | null {
    if (this.list(name).length === 0) {
      this.wrong(name, 'required', 'This parameter is required.');
      return null;
    }
    return this.#time(name, 0);
  }

  /** `name[gte]`, `[gt]`, `[lte]`, `[lt]`. */
  time(name: string): TimeRange {
    const from = [this.#time(`${name}[gte]`, 0), this.#time(`${name}[gt]`, 1)].filter(
      (timeMs) => timeMs !== null,
    );
    const to = [this.#time(`${name}[lt]`, 0), this.#time(`${name}[lte]`, 1)].filter(
      (timeMs) => timeMs !== null,
    );
    return {
      fromMs: from.length === 0 ? null : Math.max(...from),
      toMs: to.length === 0 ? null : Math.min(...to),
    };
  }

  #time(name: string, addMs: number): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const timeMs = parseTime(text);
    if (timeMs === undefined) {
      this.wrong(name, 'format', 'A time is RFC 3339, such as 2026-11-21T10:00:00Z.');
      return null;
    }
    return timeMs + addMs;
  }
}

function collect(given: unknown): Map<string, string[]> {
  const values = new Map<string, string[]>();
  if (typeof given !== 'object' || given === null) return values;
  for (const [name, value] of Object.entries(given)) {
    const plain = name.replace(/\[\d*\]$/, '');
    const list = values.get(plain) ?? [];
    for (const each of Array.isArray(value) ? value : [value]) list.push(String(each));
    values.set(plain, list);
  }
  return values;
}
