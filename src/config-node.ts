/**
 * A part of the configuration file that has parts itself: values with the lines that they stand on, and readers of them.
 * A reader gives what it read, or says what is wrong to its place and gives `undefined`; so all that is wrong is found.
 */
import type * as Yaml from 'yaml';
import { suggestion } from './config-suggestion.ts';
import { shown } from './config-values.ts';

export type ConfigNode = ValueNode | ListNode | MappingNode;

interface ValueNode {
  readonly kind: 'value';
  readonly line: number;
  readonly value: string | number | boolean | null;
}

interface ListNode {
  readonly kind: 'list';
  readonly line: number;
  readonly items: readonly ConfigNode[];
}

interface MappingNode {
  readonly kind: 'mapping';
  readonly line: number;
  readonly members: readonly Member[];
}

interface Member {
  readonly name: string;
  readonly line: number;
  readonly node: ConfigNode;
}

export type Reader<T> = (node: ConfigNode, place: Place) => T | undefined;

/** Anchors may stand in themselves. */
const MAX_DEPTH = 10;

/** `lineAt`: the line of an offset in the file. */
export function configNode(
  written: unknown,
  document: Yaml.Document,
  yaml: typeof Yaml,
  lineAt: (offset: number) => number,
  line: number,
  depth = 0,
): ConfigNode {
  const node = yaml.isAlias(written) ? written.resolve(document) : written;
  const inner = (value: unknown, itsLine: number) =>
    configNode(value, document, yaml, lineAt, itsLine, depth + 1);
  const lineOf = (part: unknown) => {
    const start = yaml.isNode(part) ? part.range?.[0] : undefined;
    return start === undefined ? line : lineAt(start);
  };
  if (depth < MAX_DEPTH && yaml.isMap(node)) {
    const members = node.items.map(({ key, value }): Member => {
      const itsLine = lineOf(key);
      const name = yaml.isScalar(key) ? String(key.value) : '?';
      return { name, line: itsLine, node: inner(value, itsLine) };
    });
    return { kind: 'mapping', line, members };
  }
  if (depth < MAX_DEPTH && yaml.isSeq(node))
    return { kind: 'list', line, items: node.items.map((item) => inner(item, lineOf(item))) };
  const value = yaml.isScalar(node) ? node.value : null;
  const isPlain = typeof value === 'string' || typeof value === 'boolean';
  return { kind: 'value', line, value: isPlain || typeof value === 'number' ? value : null };
}

/** Where a value stands; whoever reads it tells what is wrong there. */
export class Place {
  readonly #file: string;
  readonly #line: number;
  readonly #name: string;
  readonly #problems: string[];

  /** `problems`: where they are put, such as `angarium.yaml:7: profiles.x.payload: ...`. */
  constructor(file: string, line: number, name: string, problems: string[]) {
    this.#file = file;
    this.#line = line;
    this.#name = name;
    this.#problems = problems;
  }

  wrong(what: string): undefined {
    this.#problems.push(`${this.#file}:${this.#line}: ${this.#name}: ${what}`);
  }

  /** As a place is named in `config check`: `angarium.yaml:7`. */
  get position(): string {
    return `${this.#file}:${this.#line}`;
  }

  at(name: string, line: number): Place {
    return new Place(this.#file, line, `${this.#name}.${name}`, this.#problems);
  }
}

/** The members of a mapping, read by name; `done` says which nobody asked for. */
export class Members {
  readonly #place: Place;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #asked = new Set<string>();

  static of(node: ConfigNode, place: Place): Members | undefined {
    if (node.kind === 'mapping') return new Members(node, place);
    return place.wrong('it is no mapping: write NAME: VALUE, one a line, indented');
  }

  private constructor({ members }: MappingNode, place: Place) {
    this.#members = new Map(members.map((member) => [member.name, member]));
    this.#place = place;
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** `undefined` where it was left out, or is wrong. */
  read<T>(name: string, reader: Reader<T>): T | undefined {
    this.#asked.add(name);
    const member = this.#members.get(name);
    return member === undefined ? undefined : reader(member.node, this.placeOf(name));
  }

  /** The line of the member, if it is there; else of the whole. */
  placeOf(name: string): Place {
    const member = this.#members.get(name);
    return member === undefined ? this.#place : this.#place.at(name, member.line);
  }

  done(): void {
    for (const name of this.#members.keys()) {
      if (this.#asked.has(name)) continue;
      const known = [...this.#asked].join(', ');
      const advice = suggestion(name, this.#asked, `take it out; there are ${known}`);
      this.placeOf(name).wrong(`there is no such setting: ${advice}`);
    }
  }
}

/** `check` gives what is wrong with the text, `null`: nothing. */
export function text(check: (text: string) => string | null): Reader<string> {
  return (node, place) => {
    if (node.kind === 'mapping')
      return place.wrong(
        'it is a mapping: write a text, in quotes where it begins with {, such as "{body}"',
      );
    if (node.kind === 'list' || typeof node.value !== 'string')
      return place.wrong('it is no text: write one, in quotes where it looks like a number');
    const problem = check(node.value);
    return problem === null ? node.value : place.wrong(problem);
  };
}

export function choice<const T extends string>(words: readonly T[]): Reader<T> {
  return (node, place) => {
    const found = words.find((word) => node.kind === 'value' && word === node.value);
    return found ?? place.wrong(`${described(node)} is not known: write ${words.join(' or ')}`);
  };
}

export function numberOf(min: number, max: number): Reader<number> {
  return (node, place) => {
    if (node.kind === 'value' && typeof node.value === 'number')
      if (node.value >= min && node.value <= max) return node.value;
    return place.wrong(`${described(node)} is no number from ${min} to ${max}`);
  };
}

export function wholeNumberOf(min: number, max: number): Reader<number> {
  const read = numberOf(min, max);
  return (node, place) => {
    if (node.kind !== 'value' || Number.isSafeInteger(node.value)) return read(node, place);
    return place.wrong(`${described(node)} is no whole number: write one from ${min} to ${max}`);
  };
}

export const flag: Reader<boolean> = (node, place) =>
  node.kind === 'value' && typeof node.value === 'boolean'
    ? node.value
    : place.wrong(`${described(node)} is neither true nor false`);

export function listOf<T>(item: Reader<T>, maxItems: number): Reader<readonly T[]> {
  return (node, place) => {
    if (node.kind !== 'list')
      return place.wrong('it is no list: write [A, B] or one a line with -');
    if (node.items.length > maxItems) return place.wrong(`it has more than ${maxItems} entries`);
    const found = node.items.map((each, index) =>
      item(each, place.at(String(index + 1), each.line)),
    );
    const good = found.filter((each) => each !== undefined);
    return good.length === found.length ? good : undefined;
  };
}

export function orNull<T>(reader: Reader<T>): Reader<T | null> {
  return (node, place) => (isNull(node) ? null : reader(node, place));
}

function isNull(node: ConfigNode): boolean {
  return node.kind === 'value' && node.value === null;
}

function described(node: ConfigNode): string {
  if (node.kind !== 'value') return `a ${node.kind}`;
  return typeof node.value === 'string' ? shown(node.value) : String(node.value);
}
