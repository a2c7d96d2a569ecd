/** The members of an `auth` that a caller gave, read one by one; all that is wrong with them is noted. */
import { MASK } from '../../destination-type.ts';
import type { FieldProblem } from '../../destination-type.ts';

type Members = Readonly<Record<string, unknown>>;

/** What a member has to be. */
export interface TextRule {
  readonly pattern: RegExp;
  /** What is right, as a whole sentence. */
  readonly expected: string;
}

export class AuthFields {
  readonly #given: Members;
  readonly #current: Members | null;
  readonly #problems: FieldProblem[];
  readonly #known = new Set(['method']);

  /** `current`: what is there now, for secrets that come masked. */
  constructor(given: Members, current: Members | null, problems: FieldProblem[]) {
    this.#given = given;
    this.#current = current;
    this.#problems = problems;
  }

  /** `''` where it is missing or wrong. */
  required(name: string, rule: TextRule): string {
    const value = this.optional(name, rule);
    if (value === undefined) this.refuse(name, 'required', `It is required. ${rule.expected}`);
    return value ?? '';
  }

  /** `undefined` where it was not given; `''` where it is wrong. */
  optional(name: string, { pattern, expected }: TextRule): string | undefined {
    this.#known.add(name);
    const given = this.#given[name];
    if (given === undefined || given === null) return undefined;
    const value = given === MASK ? this.#current?.[name] : given;
    if (value === undefined) {
      this.refuse(
        name,
        'masked',
        'The mask stands for the value that is there, and there is none.',
      );
      return '';
    }
    if (typeof value === 'string' && pattern.test(value)) return value;
    this.refuse(name, typeof value === 'string' ? 'format' : 'type', expected);
    return '';
  }

  has(name: string): boolean {
    return this.#given[name] !== undefined && this.#given[name] !== null;
  }

  /** Whether the value that is there now is to stay. */
  isMasked(name: string): boolean {
    return this.#given[name] === MASK;
  }

  /** What is there now; `undefined`: nothing. */
  current(name: string): unknown {
    return this.#current?.[name];
  }

  /** Names and values; the values are not looked at yet. `undefined` where it is no map. */
  map(name: string): ReadonlyMap<string, unknown> | undefined {
    this.#known.add(name);
    const given = asMembers(this.#given[name]);
    const current = asMembers(this.#current?.[name]);
    if (given === undefined) return undefined;
    return new Map(
      Object.entries(given).map(([key, value]) => [key, value === MASK ? current?.[key] : value]),
    );
  }

  /** `inner`: a name within the member, where that is a map. */
  refuse(name: string, code: string, message: string, inner?: string): void {
    const path = [name, ...(inner === undefined ? [] : [inner])].map(escaped).join('/');
    this.#problems.push({ pointer: `/auth/${path}`, code, message });
  }

  /** Refuses the members that nobody asked for. */
  done(method: string): void {
    for (const name of Object.keys(this.#given)) {
      if (this.#known.has(name)) continue;
      const message = `The method ${method} has no such field; it has ${[...this.#known].join(', ')}.`;
      this.refuse(name, 'unknown_field', message);
    }
  }
}

export function asMembers(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Members)
    : undefined;
}

/** RFC 6901, 3. */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
