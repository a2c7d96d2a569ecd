/** Bodies that are no JSON, are framed in odd ways, or say to be something else. */
import { describe, expect, it } from 'vitest';
import { chunk, exchange, postHead } from '../support/api-raw.ts';
import { API_KEY, useApi } from '../support/api-server.ts';
import type { ErrorView, EventView, PublishedView } from '../support/api-views.ts';

const api = useApi();

const WITH_BODY = [
  ['POST', '/v1/publish'],
  ['POST', '/v1/publish/batch'],
  ['POST', '/v1/retry'],
  ['POST', '/v1/tenants/bodies/destinations'],
  ['PATCH', '/v1/tenants/bodies/destinations/d'],
  ['PUT', '/v1/tenants/bodies'],
  ['PUT', '/v1/tenants/bodies/destinations/d/enable'],
  ['PUT', '/v1/tenants/bodies/destinations/d/disable'],
] as const;

const NO_JSON: readonly [what: string, body: string | Uint8Array][] = [
  ['truncated', '{"tenant_id":"t","data":{'],
  ['a string without end', '{"tenant_id":"t'],
  ['no JSON', 'tenant_id=t&data=1'],
  ['two values', '{}{}'],
  ['a comma at the end', '{"tenant_id":"t","data":{},}'],
  ['single quotes', "{'tenant_id':'t'}"],
  ['a comment', '{"tenant_id":"t" /* x */}'],
  ['NaN', '{"tenant_id":"t","data":{"a":NaN}}'],
  ['a number with a leading zero', '{"tenant_id":"t","data":{"a":01}}'],
  ['a control character in a string', '{"tenant_id":"a\nb"}'],
  ['NUL', '{"tenant_id":"t"}\u0000'],
  ['NUL in a string', '{"tenant_id":"\u0000"}'],
  ['a byte order mark', '\ufeff{"tenant_id":"t","data":{}}'],
  ['other white space', '{\u00a0"tenant_id":"t"}'],
  ['UTF-16', Buffer.from('{"tenant_id":"t"}', 'utf16le')],
  ['a byte that UTF-8 does not have', Buffer.of(0x22, 0xff, 0x22)],
  ['a character cut off', Buffer.of(0x22, 0xe2, 0x82, 0x22)],
  ['a surrogate in UTF-8', Buffer.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
  ['an overlong form', Buffer.of(0x22, 0xc0, 0xaf, 0x22)],
  ['Latin-1', Buffer.from('{"tenant_id":"é"}', 'latin1')],
  ['white space alone', ' \n '],
];

describe('a body that is no JSON in UTF-8', () => {
  it.each(NO_JSON)('is 400 everywhere: %s', async (_what, body) => {
    for (const [method, path] of WITH_BODY) {
      const answer = await api().request<ErrorView>(method, path, { body });
      expect(answer.body).toMatchObject({ status: 400, code: 'invalid_json' });
      expect(answer.body.message).not.toBe('');
    }
  });

  it.each(['/v1/publish', '/v1/publish/batch'])(
    'is 400 at %s also where it is empty',
    async (path) => {
      for (const options of [
        { body: '' },
        { headers: { 'content-type': 'application/json' } },
        {},
      ]) {
        const { body } = await api().request('POST', path, options);
        expect(body).toMatchObject({ status: 400, code: 'invalid_json' });
      }
    },
  );

  it.each([
    ['POST', '/v1/retry'],
    ['POST', '/v1/tenants/bodies/destinations'],
    ['PATCH', '/v1/tenants/bodies/destinations/d'],
  ] as const)('is 422 at %s %s where it is empty: fields are missing', async (method, path) => {
    for (const options of [{ body: '' }, {}]) {
      const { body } = await api().request(method, path, options);
      expect(body).toMatchObject({ status: 422, code: 'validation_failed' });
    }
  });
});

describe('the content type', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'Application/JSON',
    ' application/json ; charset="utf-8"',
  ])('may be %j', async (type) => {
    const tenantId = await api().tenant();
    const headers = { 'content-type': type };
    const body = { tenant_id: tenantId, data: {} };
    const published = await api().request('POST', '/v1/publish', { body, headers });
    expect(published.status).toBe(202);
    const retried = await api().request('POST', '/v1/retry', { body: {}, headers });
    expect(retried.status).toBe(422);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/json-patch+json',
    'application/octet-stream',
    'json',
    '',
  ])('is 415 everywhere where it is %j', async (type) => {
    for (const [method, path] of WITH_BODY) {
      const headers = { 'content-type': type };
      const { body } = await api().request(method, path, { body: '{}', headers });
      expect(body).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    }
  });

  it('is needed where there is a body', async () => {
    const body = '{"tenant_id":"t","data":{}}';
    const head = postHead('/api/v1/publish', API_KEY, [`content-length: ${body.length}`]);
    const answer = await exchange(api().url, [head.replace(/content-type.*\r\n/, ''), body]);
    expect(answer.status).toBe(415);
  });
});

describe('over a real connection', () => {
  /** Publishes with the head and the parts of the body as they are given. */
  async function publishRaw(headers: readonly string[], parts: readonly (string | Uint8Array)[]) {
    const head = postHead('/api/v1/publish', API_KEY, headers);
    const answer = await exchange(api().url, [head, ...parts]);
    return { ...answer, json: JSON.parse(answer.body) as PublishedView & ErrorView };
  }

  it('takes a chunked body, also where characters are cut apart', async () => {
    const tenantId = await api().tenant();
    const data = '{"a":"é😀","b":1e400}';
    const bytes = Buffer.from(`{"tenant_id":"${tenantId}","data":${data}}`);
    const chunks = Array.from({ length: bytes.length }, (_, at) =>
      chunk(bytes.subarray(at, at + 1)),
    );
    const { status, json } = await publishRaw(
      ['transfer-encoding: chunked'],
      [...chunks, chunk(Buffer.alloc(0))],
    );
    expect(status).toBe(202);
    const event = await api().get<EventView>(`/v1/events/${json.id}`);
    expect(event.text).toContain(`"data":${data}`);
  });

  it('refuses a chunked body that is too large while it comes', async () => {
    const part = chunk(Buffer.alloc(100_000, ' '));
    const { status, json } = await publishRaw(
      ['transfer-encoding: chunked'],
      Array.from({ length: 17 }, () => part),
    );
    expect({ status, code: json.code }).toEqual({ status: 413, code: 'payload_too_large' });
  });

  it.each<[what: string, headers: string[], parts: string[]]>([
    ['a length that is no number', ['content-length: ten'], ['{}']],
    ['a negative length', ['content-length: -1'], ['{}']],
    ['two lengths', ['content-length: 2', 'content-length: 3'], ['{}']],
    ['length and chunks', ['content-length: 2', 'transfer-encoding: chunked'], ['{}']],
    ['a chunk of no size', ['transfer-encoding: chunked'], ['x\r\n{}\r\n0\r\n\r\n']],
    ['an unknown encoding', ['transfer-encoding: gzip'], ['{}']],
    ['a header without name', [': x'], []],
    ['a NUL in a header', ['x-a: \u0000'], []],
  ])('refuses %s with 400 in the shape of all errors', async (_what, headers, parts) => {
    const { status, head, json } = await publishRaw(headers, parts);
    expect(status).toBe(400);
    expect(json).toEqual({
      status: 400,
      code: 'bad_request',
      message: expect.any(String) as string,
      data: [],
      errors: [],
      request_id: expect.stringMatching(/^req_/) as string,
    });
    expect(head.toLowerCase()).toContain('content-type: application/json');
  });

  it('refuses headers that are too large with 431', async () => {
    const { status, json } = await publishRaw([`x-a: ${'x'.repeat(20_000)}`], []);
    expect({ status, code: json.code }).toEqual({ status: 431, code: 'headers_too_large' });
  });

  it.each(['GARBAGE\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\u0016\u0003\u0001\u0002\r\n\r\n'])(
    'answers %j with 400 and lives on',
    async (bytes) => {
      const { status, body } = await exchange(api().url, [bytes]);
      expect(status).toBe(400);
      expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'bad_request' });
      const health = await fetch(`${api().url}/healthz`);
      expect(health.status).toBe(200);
    },
  );

  it('takes what comes after a body for a broken request of its own', async () => {
    const tenantId = await api().tenant();
    const body = `{"tenant_id":"${tenantId}","data":{}}`;
    const { status, json } = await publishRaw(
      [`content-length: ${body.length}`],
      [`${body}{"tenant_id":"x"}`],
    );
    // Whichever of the two is answered first: the connection ends with it.
    if (status === 202) expect(json.duplicate).toBe(false);
    else expect(json).toMatchObject({ status: 400, code: 'bad_request' });
  });

  it('keeps nothing of a body that ends before its length', async () => {
    const tenantId = await api().tenant();
    const body = `{"tenant_id":"${tenantId}","data":{}}`;
    const aborted = new AbortController();
    const request = fetch(`${api().url}/api/v1/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(body.slice(0, -1)));
          aborted.abort();
        },
      }),
      duplex: 'half',
      signal: aborted.signal,
    });
    await expect(request).rejects.toThrow('aborted');
    const { body: listed } = await api().get<{ models: unknown[] }>(
      `/v1/events?tenant_id=${tenantId}`,
    );
    expect(listed.models).toEqual([]);
  });
});

describe('a URL', () => {
  it.each(['/api/v1/tenants/%zz', '/api/v1/tenants/%ff', '/api/v1/events/%c0%af', '/%'])(
    'that is malformed is 400 in the shape of all errors: %s',
    async (path) => {
      const { status, body, headers } = await api().get<ErrorView>(path);
      expect({ status, code: body.code }).toEqual({ status: 400, code: 'bad_request' });
      expect(headers['x-request-id']).toBe(body.request_id);
    },
  );

  it.each(['/v1/tenants/', '/v1/events/', '/v1/deliveries/', '/v1/attempts/'])(
    'with an id that nobody can have is a clear error: %s',
    async (path) => {
      for (const id of ['x'.repeat(5000), '%00', '%0d%0a', '%F0%9F%98%80', '__proto__', '-1']) {
        const { status, body } = await api().get<ErrorView>(`${path}${id}`);
        expect([400, 404]).toContain(status);
        expect(body.status).toBe(status);
      }
    },
  );
});
