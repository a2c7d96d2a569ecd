/**
 * Bad input, on every route that the router knows: what is unknown is named, and all that is wrong is told at once. What
 * is wrong for a field or a parameter is made from the OpenAPI document, so that routes to come are covered too.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { GOOD_REQUESTS, seedTenant } from '../support/api-good-requests.ts';
import type { GoodRequest, Seed } from '../support/api-good-requests.ts';
import { routesOf } from '../support/api-routes.ts';
import type { KnownRoute } from '../support/api-routes.ts';
import { useApi } from '../support/api-server.ts';
import type { Answer } from '../support/api-server.ts';
import type { ErrorView } from '../support/api-views.ts';

const api = useApi();

/** Of each kind; for every schema that says anything, one of them is wrong. */
const WRONG_FIELDS = [7, [], {}, '', true, '\u0000'.repeat(100_000)];
const WRONG_TEXTS = ['¿', '', 'x'.repeat(5000)];

/** Its first bytes are what the decoder puts in place of wrong ones. */
const NO_UTF8 = Buffer.concat([
  Buffer.from('{"\ufffd": "ä'),
  Buffer.from([0xff]),
  Buffer.from('"}'),
]);

/** Longer than any route takes. */
const VERY_LONG = JSON.stringify('x'.repeat(17 * 1024 * 1024));

interface Schema {
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Schema;
}

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

const nameOf = ({ method, path }: KnownRoute) => `${method} ${path}`;
const pointersOf = ({ body }: Answer<ErrorView>) => body.errors.map(({ pointer }) => pointer);

let seed: Seed;

beforeAll(async () => {
  seed = await seedTenant(api());
});

async function good(route: KnownRoute): Promise<GoodRequest> {
  const known = GOOD_REQUESTS[nameOf(route)];
  if (known === undefined) throw new Error(`${nameOf(route)} has no good request`);
  return known.request(seed, api(), 'operator:admin');
}

function operationOf({ method, path }: KnownRoute) {
  const { paths } = api().document();
  const operation = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
  // As Fastify's generator writes it.
  return operation as unknown as {
    readonly parameters?: readonly Parameter[];
    readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
  };
}

/** The object that a body is; `null` where there is no body. */
function bodySchema(route: KnownRoute): Schema | null {
  const schema = operationOf(route).requestBody?.content['application/json']?.schema;
  if (schema === undefined) return null;
  return [schema, ...(schema.anyOf ?? [])].find(({ type }) => type === 'object') ?? null;
}

/** Of the API, and not what is open: load balancers add parameters of their own. */
function routes(): KnownRoute[] {
  return routesOf(api().server).filter(
    ({ path }) => path.startsWith('/api/v1/') && !path.endsWith('/healthz'),
  );
}

/** Without a query: what is added is all there is. */
const plain = (path: string) => path.replace(/\?.*/, '');

async function eachRoute(check: (route: KnownRoute, name: string) => Promise<void>): Promise<void> {
  for (const route of routes()) await check(route, nameOf(route));
}

describe('on every route', () => {
  it('unknown parameters are refused by name, all of them', () =>
    eachRoute(async (route, name) => {
      const { path, body } = await good(route);
      const url = `${path}${path.includes('?') ? '&' : '?'}no_such=1&nor_this[0]=2`;
      const answer = await api().request<ErrorView>(route.method, url, { body });
      expect(answer.status, name).toBe(422);
      expect(pointersOf(answer).toSorted(), name).toEqual(['?no_such', '?nor_this']);
    }));

  it('unknown fields are refused by name, all of them', () =>
    eachRoute(async (route, name) => {
      if (route.method === 'GET') return;
      const { path, body } = await good(route);
      const wrong = { ...(body as object), no_such: 1, 'nor~/this': { a: 2 } };
      const answer = await api().request<ErrorView>(route.method, path, { body: wrong });
      expect(answer.status, name).toBe(422);
      expect(pointersOf(answer).toSorted(), name).toEqual(['/no_such', '/nor~0~1this']);
    }));

  it('wrong parameters are told all at once', async () => {
    let wrongs = 0;
    await eachRoute(async (route, name) => {
      const parameters = (operationOf(route).parameters ?? []).filter(
        (each) => each.in === 'query',
      );
      const wrong = parameters.flatMap(({ name: parameter, schema }) => {
        const one = schema.type === 'array' ? { ...schema, type: undefined } : schema;
        const isRight = ajv.compile(itemsOf(one) ?? one);
        const text = WRONG_TEXTS.find((each) => !isRight(each));
        return text === undefined ? [] : [[parameter, text] as const];
      });
      if (wrong.length === 0) return;
      const query = wrong.map(([each, text]) => `${each}=${encodeURIComponent(text)}`).join('&');
      const { path, body } = await good(route);
      const url = `${plain(path)}?${query}&no_such=1`;
      const answer = await api().request<ErrorView>(route.method, url, { body });
      expect(answer.status, name).toBe(422);
      const told = new Set(pointersOf(answer));
      for (const [parameter] of wrong) expect(told, name).toContain(`?${parameter}`);
      expect(told, name).toContain('?no_such');
      wrongs += wrong.length;
    });
    expect(wrongs).toBeGreaterThan(50);
  });

  it('wrong fields are told all at once, and unknown ones with them', async () => {
    let wrongs = 0;
    await eachRoute(async (route, name) => {
      const schema = bodySchema(route);
      if (schema === null) return;
      const wrong = Object.entries(schema.properties ?? {}).flatMap(([field, given]) => {
        const isRight = ajv.compile(given);
        const value = WRONG_FIELDS.find((each) => !isRight(each));
        return value === undefined ? [] : [[field, value] as const];
      });
      const { path } = await good(route);
      const body = { ...Object.fromEntries(wrong), no_such: 1 };
      const answer = await api().request<ErrorView>(route.method, path, { body });
      expect(answer.status, `${name}: ${answer.text.slice(0, 500)}`).toBe(422);
      const told = pointersOf(answer);
      for (const field of [...wrong.map(([each]) => each), 'no_such'])
        expect(
          told.some((each) => each === `/${field}` || each.startsWith(`/${field}/`)),
          `${name}: /${field} is not among ${told.join(' ')}`,
        ).toBe(true);
      wrongs += wrong.length;
    });
    expect(wrongs).toBeGreaterThan(40);
  });

  it('what is no JSON is refused, and the message shows where', () =>
    eachRoute(async (route, name) => {
      if (bodySchema(route) === null) return;
      const { path } = await good(route);
      const sent: readonly (readonly [string | Uint8Array, string])[] = [
        ['{"a": 1, "b": x}', '"x" cannot stand at line 1, column 15.'],
        ['{"a": 1,\n "b": 1 "c": 2}', '"\\"" cannot stand at line 2, column 9.'],
        ['{"a": 1,', 'it ends too early, at line 1, column 9.'],
        [NO_UTF8, 'not valid UTF-8, as of byte 12.'],
      ];
      for (const [body, where] of sent) {
        const answer = await api().request<ErrorView>(route.method, path, { body });
        expect(answer.body, name).toMatchObject({ status: 400, code: 'invalid_json' });
        expect(answer.body.message, name).toContain(where);
      }
    }));

  it('lists of more than 100 values are refused', async () => {
    let lists = 0;
    await eachRoute(async (route, name) => {
      const parameters = operationOf(route).parameters ?? [];
      for (const { name: parameter } of parameters.filter(
        ({ schema }) => schema.type === 'array',
      )) {
        const { path, body } = await good(route);
        const url = `${plain(path)}?${Array(101).fill(`${parameter}=1`).join('&')}`;
        const answer = await api().request<ErrorView>(route.method, url, { body });
        expect(answer.status, `${name} ?${parameter}`).toBe(422);
        expect(answer.body.errors).toContainEqual({
          pointer: `?${parameter}`,
          code: 'too_many',
          message: 'At most 100 values.',
        });
        lists++;
      }
    });
    expect(lists).toBeGreaterThan(20);
  });

  it('what is given once may not be given twice, and all else may', async () => {
    let given = 0;
    await eachRoute(async (route, name) => {
      const parameters = (operationOf(route).parameters ?? []).filter(
        (each) => each.in === 'query',
      );
      for (const { name: parameter, schema } of parameters) {
        const { path, body } = await good(route);
        const url = `${plain(path)}?${parameter}=1&${parameter}=2&no_such=1`;
        const answer = await api().request<ErrorView>(route.method, url, { body });
        const isRepeated = answer.body.errors.some(
          ({ pointer, code }) => pointer === `?${parameter}` && code === 'repeated',
        );
        expect(isRepeated, `${name} ?${parameter}`).toBe(schema.type !== 'array');
        given++;
      }
    });
    expect(given).toBeGreaterThan(100);
  });

  it('texts, lists and maps that are far too long are refused, in whatever field they are', async () => {
    const counts = { text: 0, list: 0, map: 0 };
    await eachRoute(async (route, name) => {
      const schema = bodySchema(route);
      if (schema === null) return;
      const { path, body: given } = await good(route);
      for (const { at, kind } of longPlaces(schema)) {
        const body = withValue(given ?? {}, at, LONG[kind]);
        const answer = await api().request<ErrorView>(route.method, path, { body });
        const what = `${name} /${at.join('/')} as a ${kind}`;
        // What is looked up under so long an id is not there; an event's data are bounded in bytes.
        if (at.join('/') === 'data') continue;
        const status = answer.status === 404 && at.join('/').endsWith('_id') ? 422 : answer.status;
        expect({ what, status }).toEqual({ what, status: 422 });
        counts[kind]++;
      }
    });
    expect(counts.text).toBeGreaterThan(50);
    expect(counts.list).toBeGreaterThan(10);
    expect(counts.map).toBeGreaterThan(5);
  });

  it('a body that is very long is 413', () =>
    eachRoute(async (route, name) => {
      if (route.method === 'GET') return;
      const { path } = await good(route);
      const answer = await api().request<ErrorView>(route.method, path, { body: VERY_LONG });
      expect(answer.body.code, name).toBe('payload_too_large');
    }));

  it('a field that nests very deep is refused', () =>
    eachRoute(async (route, name) => {
      const schema = bodySchema(route);
      if (schema === null) return;
      const { path, body: given } = await good(route);
      for (const field of Object.keys(schema.properties ?? {})) {
        const text = JSON.stringify({ ...(given as object), [field]: '@' });
        const body = text.replace('"@"', `${'['.repeat(20_000)}${']'.repeat(20_000)}`);
        const { status } = await api().request(route.method, path, { body });
        // What is wrong with one event of a batch stands in its result.
        expect(status, `${name} /${field}`).toBe(name.endsWith('/publish/batch') ? 202 : 422);
      }
    }));
});

type LongKind = 'text' | 'list' | 'map';

/** Each within the bytes of a body. */
const LONG: Readonly<Record<LongKind, unknown>> = {
  text: 'x'.repeat(300_000),
  list: Array.from({ length: 50_000 }, (_, index) => `item.${index}`),
  map: Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`name${index}`, 'x'])),
};

interface LongPlace {
  readonly at: readonly string[];
  readonly kind: LongKind;
}

/** The fields of a body, those within others too, that are texts, lists or maps. */
function longPlaces(schema: Schema, at: readonly string[] = []): LongPlace[] {
  const found: LongPlace[] = [];
  for (const { type, properties, additionalProperties } of [schema, ...(schema.anyOf ?? [])]) {
    if (type === 'string' && at.length > 0) found.push({ at, kind: 'text' });
    if (type === 'array') found.push({ at, kind: 'list' });
    if (type === 'object' && typeof additionalProperties === 'object')
      found.push({ at, kind: 'map' });
    for (const [name, member] of Object.entries(properties ?? {}))
      found.push(...longPlaces(member, at.concat(name)));
  }
  return found;
}

/** A copy with that value at that place. */
function withValue(body: object, [name = '', ...rest]: readonly string[], value: unknown): object {
  const inner = (body as Record<string, unknown>)[name];
  const isObject = typeof inner === 'object' && inner !== null;
  return {
    ...body,
    [name]: rest.length === 0 ? value : withValue(isObject ? inner : {}, rest, value),
  };
}

function itemsOf(schema: object): Schema | undefined {
  return 'items' in schema ? (schema.items as Schema) : undefined;
}
