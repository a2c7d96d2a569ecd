import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { openapiReference } from '../../scripts/openapi-reference.ts';
import { routesOf } from '../support/api-routes.ts';
import { useApi } from '../support/api-server.ts';
import type { OpenapiDocument, Operation } from '../support/api-document.ts';

const api = useApi({ publicUrl: 'http://webhooks.test:8443' });

/** All that the document describes. */
function operations(document: OpenapiDocument): [name: string, path: string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      path,
      operation,
    ]),
  );
}

/** A tenant's token does for all, save what is the operator's alone. */
function securityOf(name: string): object[] {
  const isOperators =
    /\/(?:publish|publish\/batch|token|portal|audit|deletions|keys.*|catalogue\/import)$|^GET \/metrics$|^(?:PUT|DELETE) \S*\/catalogue\/|^DELETE \S*\{tenant_id\}$/;
  return [
    { key: [] },
    ...(isOperators.test(name) ? [] : [{ tenant_token: [] }]),
    ...(isForClients(name) ? [{ api_client: [] }] : []),
  ];
}

/** API clients read, publish and retry, and have doors of their own; they manage nothing else. */
function isForClients(name: string): boolean {
  const own = /\/(?:webhooksubscriptions|hooks)(?:$|\/)/;
  const acts =
    /^POST \S*\/(?:publish|publish\/batch|retry|cancel|filters\/test|replays|pause|resume)$/;
  const others =
    /\/(?:audit|deletions|usage|apiclients|keys|metrics$|catalogue\/import|token|portal)|^GET \/metrics$/;
  const reads = name.startsWith('GET ') && !others.test(name);
  return own.test(name) || acts.test(name) || reads;
}

/** Every value of a member of that name, however deep. */
function valuesOf(name: string, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    (key === name ? [each] : []).concat(valuesOf(name, each)),
  );
}

/** Requests that say all there is to say without a body. */
const OPTIONAL_BODIES = new Set([
  'POST /api/v1/keys/reencrypt',
  'POST /api/v1/apiclients/{urn}/rotate',
  'POST /api/v1/webhooksubscriptions/{urn}/renew',
  'PUT /api/v1/tenants/{tenant_id}',
  'POST /api/v1/tenants/{tenant_id}/destinations/{destination_id}/rotate-secret',
  'POST /api/v1/tenants/{tenant_id}/destinations/{destination_id}/test',
]);

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate({ ...api().document() });
    expect(result.errors).toBeUndefined();
    expect({ valid: result.valid, version: validator.version }).toEqual({
      valid: true,
      version: '3.1',
    });
  });

  it('is committed as it is generated', async () => {
    const committed = readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8');
    const generated = await openapiReference(packageJson.version);
    expect(committed === generated, 'run `npm run generate`').toBe(true);
  });

  it('is what the server gives, whose address and version it has', async () => {
    const { status, body } = await api().get<object>('/openapi.json', { key: null });
    expect(status).toBe(200);
    const generated = JSON.parse(await openapiReference('0.0.0-test')) as object;
    expect(body).toEqual({ ...generated, servers: [{ url: 'http://webhooks.test:8443' }] });
  });

  it('has every route of the server, and no other, save the document and its page', () => {
    const known = routesOf(api().server)
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
      .filter((name) => !/^GET \/(?:docs|openapi\.json)|^\w+ \/mail\//.test(name));
    const described = operations(api().document()).map(([name]) => name);
    expect(described.toSorted()).toEqual(known.toSorted());
    expect(described).toContain('POST /api/v1/publish');
  });

  it('has no reference that leads nowhere', () => {
    const document = api().document();
    const references = valuesOf('$ref', document);
    expect(references.length).toBeGreaterThan(50);
    const known = Object.keys(document.components.schemas);
    for (const reference of references)
      expect(known.map((name) => `#/components/schemas/${name}`)).toContain(reference);
  });

  it('uses every schema that it has', () => {
    const document = api().document();
    const references = new Set(valuesOf('$ref', document));
    for (const name of Object.keys(document.components.schemas))
      expect(references).toContain(`#/components/schemas/${name}`);
  });

  it('declares the parameters of each path', () => {
    for (const [name, path, { parameters = [] }] of operations(api().document())) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      const declared = parameters.filter((parameter) => parameter.in === 'path');
      expect(new Set(declared.map((parameter) => parameter.name)), name).toEqual(new Set(named));
      expect(declared, name).toHaveLength(named.length);
    }
  });

  it('describes each operation, its tag and what each status means', () => {
    const tags = new Set(
      (api().document() as unknown as { tags: { name: string }[] }).tags.map(({ name }) => name),
    );
    for (const [name, , operation] of operations(api().document())) {
      expect(operation.summary, name).toMatch(/^[A-Z]/);
      expect(operation.tags, name).toHaveLength(1);
      expect(tags, name).toContain(operation.tags?.[0]);
      for (const [status, response] of Object.entries(operation.responses))
        expect(response.description, `${name} ${status}`).not.toBe('Default Response');
    }
  });

  it('says what is open, and which credentials the rest takes', () => {
    for (const [name, path, operation] of operations(api().document())) {
      const isOpen = /(?:healthz|readyz|^\/\.well-known\/.*)$/.test(path);
      expect(operation.security, name).toEqual(isOpen ? [] : securityOf(name));
      expect('401' in operation.responses, name).toBe(!isOpen);
    }
    expect(api().document()).toMatchObject({
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer' },
          tenant_token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        },
      },
    });
  });

  it('says where a body has to be, and what is wrong with one', () => {
    for (const [name, , { requestBody, responses }] of operations(api().document())) {
      if (requestBody === undefined) continue;
      const isOptional = OPTIONAL_BODIES.has(name);
      expect(requestBody.required, name).toBe(!isOptional);
      for (const status of ['400', '413', '415', '422'])
        expect(responses, name).toHaveProperty(status);
    }
  });
});
