/**
 * TypeScript types of a JSON Schema: the values that a schema lets pass have the type. What types cannot say (lengths,
 * patterns, `not`, `if`) is left out, so a type may let more pass.
 */
import { pointerTokens } from '../domain/json-pointer.ts';
import type { JsonObject } from '../domain/topic-catalogue.ts';
import { follow } from './schema-references.ts';
import { isJsonObject } from './topic-entry.ts';

const OBJECT_KEYWORDS = ['properties', 'required', 'additionalProperties', 'patternProperties'];
const ARRAY_KEYWORDS = ['items', 'prefixItems', 'additionalItems'];

/** The types of one schema: itself, and those that it refers to. */
export class SchemaTypes {
  readonly #root: JsonObject;
  readonly #rootName: string;
  readonly #taken: Set<string>;
  readonly #names = new Map<string, string>();
  readonly #waiting: [name: string, schema: unknown][] = [];

  constructor(name: string, schema: JsonObject, taken: Set<string>) {
    this.#root = schema;
    this.#rootName = name;
    this.#taken = taken;
  }

  /** `head`: the comment above the first one. */
  declarations(head: string): string[] {
    const texts = [this.#declaration(this.#rootName, this.#root, head)];
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const [name, schema] = next;
      texts.push(this.#declaration(name, schema, commentOf(schema, '')));
    }
    return texts;
  }

  #declaration(name: string, schema: unknown, head: string): string {
    const type = this.#type(schema, '');
    // A type that is nothing but itself does not compile; it says nothing either.
    return `${head}export type ${name} = ${type === name ? 'unknown' : type};\n`;
  }

  #type(schema: unknown, indent: string): string {
    if (schema === false) return 'never';
    if (!isJsonObject(schema)) return 'unknown';
    const { const: only, enum: values, $ref: reference, anyOf, oneOf, allOf } = schema;
    const parts: string[] = [];
    if (typeof reference === 'string') parts.push(this.#referred(reference));
    if ('const' in schema) parts.push(literalType(only));
    else if (Array.isArray(values)) parts.push(union(values.map(literalType)));
    else parts.push(this.#plainType(schema, indent));
    for (const choice of [anyOf, oneOf])
      if (Array.isArray(choice)) parts.push(union(choice.map((each) => this.#type(each, indent))));
    if (Array.isArray(allOf)) parts.push(...allOf.map((each) => this.#type(each, indent)));
    return intersection(parts);
  }

  #referred(reference: string): string {
    if (reference === '#') return this.#rootName;
    const known = this.#names.get(reference);
    if (known !== undefined) return known;
    const schema = follow(this.#root, reference);
    if (schema === undefined) return 'unknown';
    const last = pointerTokens(reference.slice(1))?.at(-1) ?? '';
    const name = typeName(`${this.#rootName} ${last}`, this.#taken);
    this.#names.set(reference, name);
    this.#waiting.push([name, schema]);
    return name;
  }

  /** By `type`, and by the keywords that only one type has where there is none. */
  #plainType(schema: JsonObject, indent: string): string {
    const { type } = schema;
    if (typeof type === 'string') return this.#typeNamed(type, schema, indent);
    if (Array.isArray(type))
      return union(type.map((each) => this.#typeNamed(String(each), schema, indent)));
    if (OBJECT_KEYWORDS.some((keyword) => keyword in schema)) return this.#object(schema, indent);
    return ARRAY_KEYWORDS.some((keyword) => keyword in schema)
      ? this.#array(schema, indent)
      : 'unknown';
  }

  #typeNamed(type: string, schema: JsonObject, indent: string): string {
    switch (type) {
      case 'string':
      case 'boolean':
      case 'null':
        return type;
      case 'integer':
      case 'number':
        return 'number';
      case 'object':
        return this.#object(schema, indent);
      case 'array':
        return this.#array(schema, indent);
      default:
        return 'unknown';
    }
  }

  #object(schema: JsonObject, indent: string): string {
    const { additionalProperties, patternProperties } = schema;
    const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
    const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
    const names = new Set([...Object.keys(properties), ...required]);
    const inner = `${indent}  `;
    const members = [...names].map((name) => {
      const property = Object.hasOwn(properties, name) ? properties[name] : true;
      const mark = required.includes(name) ? '' : '?';
      const type = this.#type(property, inner);
      return `${commentOf(property, inner)}${inner}${propertyName(name)}${mark}: ${type};\n`;
    });
    const others: string[] = [];
    if (isJsonObject(patternProperties))
      others.push(...Object.values(patternProperties).map((each) => this.#type(each, indent)));
    if (isJsonObject(additionalProperties)) others.push(this.#type(additionalProperties, indent));
    if (members.length === 0) {
      // `{}` would let everything pass but null.
      if (additionalProperties === false && others.length === 0) return 'Record<string, never>';
      return `Record<string, ${others.length === 0 ? 'unknown' : union(others)}>`;
    }
    const own = `{\n${members.join('')}${indent}}`;
    // Members of other types than the others would contradict an index: then it says only that there are some.
    return others.length === 0 ? own : `${own} & Record<string, unknown>`;
  }

  #array(schema: JsonObject, indent: string): string {
    const { items, prefixItems, additionalItems, minItems } = schema;
    const first: readonly unknown[] | undefined = [prefixItems, items].find(Array.isArray);
    const rest = Array.isArray(items) ? additionalItems : items;
    if (first === undefined) return `Array<${this.#type(rest ?? true, indent)}>`;
    const least = typeof minItems === 'number' ? minItems : 0;
    const elements = first.map((each, index) => {
      const type = this.#type(each, indent);
      return index < least ? type : `(${type})?`;
    });
    if (rest !== false) elements.push(`...Array<${this.#type(rest ?? true, indent)}>`);
    return `[${elements.join(', ')}]`;
  }
}

/** In capitals, of letters and digits, and of nobody else's. */
export function typeName(text: string, taken: Set<string>): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const joined = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('');
  const plain = /^[A-Za-z]/.test(joined) ? joined : `Topic${joined}`;
  let name = plain;
  for (let number = 2; taken.has(name); number++) name = `${plain}${number}`;
  taken.add(name);
  return name;
}

export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** Empty where there is nothing to say. */
export function docComment(
  paragraphs: readonly string[],
  deprecated: boolean,
  indent: string,
): string {
  const lines = paragraphs
    .filter((paragraph) => paragraph !== '')
    .flatMap((paragraph) => paragraph.replaceAll('*/', '*\\/').split(/\r?\n|\u2028|\u2029|\r/));
  if (deprecated) lines.push('@deprecated');
  if (lines.length === 0) return '';
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

function commentOf(schema: unknown, indent: string): string {
  if (!isJsonObject(schema)) return '';
  const { description, deprecated } = schema;
  return docComment(
    typeof description === 'string' ? [description] : [],
    deprecated === true,
    indent,
  );
}

function literalType(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literalType).join(', ')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, each]) => `${propertyName(name)}: ${literalType(each)}`,
  );
  return `{ ${members.join('; ')} }`;
}

function union(types: readonly string[]): string {
  const different = [...new Set(types)];
  if (different.length === 0) return 'never';
  if (different.includes('unknown')) return 'unknown';
  return different.length === 1 ? different.join() : `(${different.join(' | ')})`;
}

function intersection(types: readonly string[]): string {
  const telling = [...new Set(types)].filter((type) => type !== 'unknown');
  return telling.length === 0 ? 'unknown' : telling.join(' & ');
}
