/** Import and export through the API and the command line. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CallError, createApiClient } from '../../src/cli/api-client.ts';
import { exportTopics, parseTopicsExport } from '../../src/cli/topics-export.ts';
import { importTopics, parseTopicsImport } from '../../src/cli/topics-import.ts';
import { CommandUsageError } from '../../src/cli/usage-error.ts';
import { API_KEY, withApi } from '../support/api-server.ts';
import type { ApiServer } from '../support/api-server.ts';
import type { ErrorView, TopicView } from '../support/api-views.ts';

interface Imported {
  readonly dry_run: boolean;
  readonly created: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
}

const EXAMPLE = join(import.meta.dirname, '../../examples/catalogues/baxcloud.yaml');
const CATALOGUE = { topics: { a: { description: 'A' }, b: { description: 'B' } } };

const importOf = (api: ApiServer, body: object) =>
  api.post<Imported & ErrorView>('/v1/catalogue/import', body);

const topics = async (api: ApiServer) => (await api.get<string[]>('/v1/topics')).body;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'angarium-topics-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const clientOf = (api: ApiServer, key = API_KEY) =>
  createApiClient({ ANGARIUM_URL: `${api.url}/`, ANGARIUM_API_KEY: key });

describe('POST /catalogue/import', () => {
  it('says what is new, changed and the same; a dry run changes nothing', () =>
    withApi({}, async (api) => {
      const documents = [{ document: CATALOGUE }];
      const dry = await importOf(api, { documents, dry_run: true });
      const created = { created: ['a', 'b'], changed: [], unchanged: [] };
      expect(dry.body).toEqual({ dry_run: true, ...created });
      expect(await topics(api)).toEqual([]);
      const real = await importOf(api, { documents });
      expect(real.body).toEqual({ dry_run: false, ...created });
      await api.put('/v1/catalogue/b', { description: 'Other' });
      const again = await importOf(api, { documents });
      expect(again.body).toEqual({
        dry_run: false,
        created: [],
        changed: ['b'],
        unchanged: ['a'],
      });
    }));

  it('takes all or nothing, and says all that is wrong', () =>
    withApi({}, async (api) => {
      const { status, body } = await importOf(api, {
        documents: [
          { document: CATALOGUE },
          { document: { openapi: '3.0.0' } },
          { document: { type: 'object' } },
          { name: 'x y', document: { type: 'object' } },
        ],
      });
      expect(status).toBe(422);
      expect(body.errors.map(({ pointer }) => pointer)).toEqual([
        '/documents/1/document/openapi',
        '/documents/2/document',
        '/documents/3/document',
      ]);
      expect(await topics(api)).toEqual([]);
    }));

  it('enforces what it was told to', () =>
    withApi({}, async (api) => {
      const documents = [{ name: 'a', document: { required: ['id'] } }];
      await importOf(api, { documents, enforcement: 'reject' });
      const tenantId = await api.tenant();
      const body = { tenant_id: tenantId, topic: 'a', data: {} };
      expect((await api.publish(body)).status).toBe(422);
    }));

  it('refuses more topics than a catalogue may have', () =>
    withApi({}, async (api) => {
      const many = Object.fromEntries(
        Array.from({ length: 5001 }, (_, index) => [`t${index}`, {}]),
      );
      const { body } = await importOf(api, { documents: [{ document: { topics: many } }] });
      expect(body).toMatchObject({ status: 422, code: 'too_many_topics' });
      expect(await topics(api)).toEqual([]);
    }));

  it.each([{}, { documents: [] }, { documents: [{}] }, { documents: [{ document: 1 }] }])(
    'refuses %j',
    (body) =>
      withApi({}, async (api) => {
        expect((await importOf(api, body)).status).toBe(422);
      }),
  );
});

describe('GET /catalogue/export', () => {
  it('gives what another server can import', () =>
    withApi({}, async (one) => {
      const schema = { type: 'object', properties: { n: { $ref: '#/$defs/n' } }, $defs: { n: {} } };
      await one.put('/v1/catalogue/a', { description: 'A.', schema, sample: { n: 1 } });
      await one.put('/v1/catalogue/b', { deprecated: true });
      for (const format of ['json-schema', 'openapi']) {
        await withApi({}, async (other) => {
          const { body: document } = await one.get(`/v1/catalogue/export?format=${format}`);
          expect((await importOf(other, { documents: [{ document }] })).status).toBe(200);
          for (const name of ['a', 'b']) {
            const shown = async (api: ApiServer) => {
              const {
                created_at: _c,
                updated_at: _u,
                ...rest
              } = (await api.get<TopicView>(`/v1/catalogue/${name}`)).body;
              return rest;
            };
            expect(await shown(other)).toEqual(await shown(one));
          }
        });
      }
    }));

  it.each(['format=yaml', 'profile=nothing', 'other=1'])('refuses ?%s', (query) =>
    withApi({}, async (api) => {
      expect((await api.get(`/v1/catalogue/export?${query}`)).status).toBe(422);
    }),
  );
});

describe('angarium topics', () => {
  it('import puts in the files of a catalogue, of OpenAPI and of JSON Schema, all at once', () =>
    withApi({}, async (api) => {
      const path = folder();
      const schemaFile = join(path, 'user.created.schema.json');
      writeFileSync(schemaFile, '{"type":"object","required":["id"]}');
      const openapiFile = join(path, 'api.yaml');
      writeFileSync(openapiFile, 'openapi: 3.1.0\nwebhooks:\n  order.paid:\n    post: {}\n');
      const run = (...more: string[]) =>
        importTopics(parseTopicsImport([EXAMPLE, schemaFile, openapiFile, ...more]), clientOf(api));
      expect(await run('--dry-run')).toMatch(/^created {4}room\.created$[^]*^Nothing was written/m);
      expect(await topics(api)).toEqual([]);
      expect(await run()).toContain('created    user.created\n');
      expect(await topics(api)).toEqual(
        expect.arrayContaining(['order.paid', 'room.created', 'user.created']),
      );
      expect(await run()).not.toMatch(/created {2}|changed {4}/);
    }));

  it('export writes to a file, or says it', () =>
    withApi({}, async (api) => {
      await api.put('/v1/catalogue/a.b', { description: 'Said.' });
      const out = join(folder(), 'topics.ts');
      const client = clientOf(api);
      expect(
        await exportTopics(parseTopicsExport(['--format', 'typescript', '--out', out]), client),
      ).toBe('');
      expect(readFileSync(out, 'utf8')).toContain('export type AB = ');
      const text = await exportTopics(parseTopicsExport(['--format=openapi']), client);
      expect(JSON.parse(text)).toMatchObject({ webhooks: { 'a.b': {} } });
    }));

  it('says what the server said, and what was typed wrong', () =>
    withApi({}, async (api) => {
      const file = join(folder(), 'a.json');
      writeFileSync(file, '{"type":"nothing"}');
      const importing = parseTopicsImport([file]);
      await expect(importTopics(importing, clientOf(api))).rejects.toThrow(
        /^POST \/catalogue\/import was refused: [^]*\n {2}\/documents\/0\/document: a at \/schema\/type: /,
      );
      await expect(importTopics(importing, clientOf(api, 'wrong-key'))).rejects.toThrow(
        /No valid key/,
      );
      const missing = parseTopicsImport([join(folder(), 'missing.json')]);
      await expect(importTopics(missing, clientOf(api))).rejects.toThrow(CommandUsageError);
      expect(() => parseTopicsImport([])).toThrow(CommandUsageError);
      expect(() => parseTopicsImport(['a', '--nothing'])).toThrow(CommandUsageError);
      expect(() => parseTopicsExport(['--format', 'yaml'])).toThrow(/json-schema, openapi/);
    }));

  it('needs a key and a URL, and a server there', async () => {
    const env = { ANGARIUM_API_KEY: API_KEY };
    expect(() => createApiClient({})).toThrow(/^ANGARIUM_API_KEY/);
    expect(() => createApiClient({ ...env, ANGARIUM_URL: 'ftp://a' })).toThrow(/^ANGARIUM_URL/);
    const nowhere = createApiClient({ ...env, ANGARIUM_URL: 'http://127.0.0.1:1' });
    await expect(nowhere.call('GET', '/topics')).rejects.toThrow(CallError);
  });
});
