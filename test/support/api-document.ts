/**
 * Holds answers against the OpenAPI document that the server itself gives: the status is declared, the body is of its
 * schema, and has no member that the schema does not name.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';

export interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

export interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly required?: boolean };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Record<string, unknown> }>
  >;
}

export interface CheckedAnswer {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** Throws where an answer is not as the document says. */
export type AnswerCheck = (answer: CheckedAnswer) => void;

const DOCUMENT = 'api.json';
const JSON_TYPE = /^application\/json(?:;|$)/;
const ANSWERED_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export function createAnswerCheck(document: OpenapiDocument): AnswerCheck {
  const ajv = new Ajv2020({ strictSchema: false, allErrors: true });
  ajv.addFormat('date-time', ANSWERED_TIME);
  ajv.addFormat('date', /^\d{4}-\d\d-\d\d$/);
  ajv.addSchema({ $id: DOCUMENT, ...(withoutOthers(document) as object) });
  const validators = new Map<string, ValidateFunction>();
  // What is spelled out goes before what may be anything.
  const paths = Object.keys(document.paths)
    .toSorted((left, right) => left.split('{').length - right.split('{').length)
    .map((path) => ({ path, pattern: patternOf(path) }));

  const validate = (pointer: readonly string[], text: string, what: string) => {
    const $ref = `${DOCUMENT}#/${pointer.map(escapeToken).join('/')}`;
    const validator = validators.get($ref) ?? ajv.compile({ $ref });
    validators.set($ref, validator);
    if (validator(JSON.parse(text))) return;
    throw new Error(
      `${what} is not as documented: ${ajv.errorsText(validator.errors)}\n${text.slice(0, 2000)}`,
    );
  };

  return ({ method, url, status, contentType, text }) => {
    const what = `the answer ${status} of ${method} ${url.slice(0, 200)}`;
    // As `inject` sends it: without dots.
    const path = URL.parse(url, 'http://127.0.0.1')?.pathname ?? '';
    const known = paths.find(({ pattern }) => pattern.test(path))?.path;
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = known === undefined ? undefined : document.paths[known]?.[verb];
    if (method === 'HEAD') return;
    if (status >= 400) checkError(text, contentType, what);
    if (known === undefined || operation === undefined) return;
    // Refused before any route was chosen: no operation declares it.
    if (status === 400 && text.includes('"bad_request"')) return;
    // Nor does one that has no body, what is wrong with a body.
    if (operation.requestBody === undefined && [400, 413, 415].includes(status)) return;
    const declared = operation.responses[status];
    if (declared === undefined) throw new Error(`${what} is not declared`);
    const [type = ''] = contentType.split(';');
    // Lines, tables and the like: whoever asks for them looks into them.
    if (type !== 'application/json' && declared.content?.[type] !== undefined) return;
    if (!JSON_TYPE.test(contentType)) throw new Error(`${what} is no JSON but ${contentType}`);
    const response = ['paths', known, verb, 'responses', String(status)];
    validate([...response, 'content', 'application/json', 'schema'], text, what);
  };

  function checkError(text: string, contentType: string, what: string): void {
    // Health is told in its own shape.
    if (text.startsWith('{"status":"unhealthy"')) return;
    if (!JSON_TYPE.test(contentType)) throw new Error(`${what} is no JSON but ${contentType}`);
    validate(['components', 'schemas', 'Error'], text, what);
  }
}

/** Every object that names its members has no others. */
function withoutOthers(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutOthers);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(schema)) copy[name] = withoutOthers(value);
  if (copy['type'] === 'object' && 'properties' in copy) copy['additionalProperties'] ??= false;
  return copy;
}

function patternOf(path: string): RegExp {
  const parts = path
    .split('/')
    .map((part) => (part.startsWith('{') ? '[^/]+' : RegExp.escape(part)));
  return new RegExp(`^${parts.join('/')}/?$`);
}

/** A token of a JSON pointer in a URI fragment. */
function escapeToken(token: string): string {
  return encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1'));
}
