/** The bytes of `data`: what is delivered and shown is what was published, byte for byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DEPTH } from '../../src/domain/json-members.ts';
import { jsonObjectText, jsonSpace, nestedObjectText } from '../support/api-json-text.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { BatchView, ErrorView, EventView, PublishedView } from '../support/api-views.ts';

const api = useApi();

/** A tenant whose events come to a path of its own. */
async function tenantWithReceiver() {
  const tenantId = await api().tenant();
  const path = `/bytes/${tenantId}`;
  await api().destination(tenantId, { config: { url: api().receiver.url(path) } });
  return { tenantId, path };
}

/** The bytes of `data` that the receiver got for an event. */
function delivered(path: string, eventId: string): Promise<string> {
  return until(`the delivery of ${eventId}`, () => {
    const found = api()
      .receiver.at(path)
      .find(({ headers }) => headers['webhook-id'] === eventId);
    const body = found?.body.toString('utf8');
    const head = /^\{"type":"[^"]*","timestamp":"[^"]*","data":/.exec(body ?? '')?.[0];
    return head === undefined ? undefined : body?.slice(head.length, -1);
  });
}

/** The bytes of `data` in an answer that shows one event. */
function shown(answer: string): string {
  const start = answer.indexOf('"data":') + '"data":'.length;
  return answer.slice(start, answer.lastIndexOf(',"matched_destination_ids"'));
}

async function expectUnchanged(path: string, eventId: string, data: string): Promise<void> {
  const event = await api().get(`/v1/events/${eventId}`);
  expect(shown(event.text)).toBe(data);
  expect(await delivered(path, eventId)).toBe(data);
}

const EXAMPLES: readonly [what: string, data: string][] = [
  ['numbers that no double holds', '{"a":1e400,"b":12345678901234567890,"c":-0.0,"d":1.10}'],
  ['the order of names', '{"b":1,"10":2,"a":3,"2":4}'],
  ['white space', ' {\n\t"a" :\r\n [ 1 , 2 ] }'.trim()],
  ['names that stand twice', '{"a":1,"a":2,"\\u0061":3}'],
  ['names that are special', '{"__proto__":{"x":1},"constructor":{"prototype":{}},"":0}'],
  ['a name like the field', '{"data":{"data":{}},"tenant_id":"other","id":1}'],
  ['NUL, escaped', '{"a":"\\u0000","\\u0000":1}'],
  ['surrogates alone', '{"a":"\\ud800","\\udfff":"\\udc00\\ud800"}'],
  ['four bytes of UTF-8', '{"😀":"𝄞\u{10ffff}","a":"\\ud83d\\ude00"}'],
  ['signs that JavaScript ends lines with', '{"a":"\u2028\u2029\ufeff"}'],
  ['quotes and backslashes', '{"a":"\\"\\\\","b":"\\\\\\"}","c":"\\/"}'],
  ['nothing', '{}'],
  ['nothing, with space', '{ \t}'],
  ['the greatest depth', nestedObjectText(MAX_DEPTH)],
  ['a long string', `{"a":"${'é\\n'.repeat(50_000)}"}`],
];

describe('the bytes of data', () => {
  it.each(EXAMPLES)('are delivered and shown unchanged: %s', async (_what, data) => {
    const { tenantId, path } = await tenantWithReceiver();
    const { status, body } = await api().post<PublishedView>(
      '/v1/publish',
      `{ "tenant_id": "${tenantId}" , "data" : ${data}\n }`,
    );
    expect(status).toBe(202);
    await expectUnchanged(path, body.id, data);
  });

  it('are unchanged for any JSON, published alone', async () => {
    const { tenantId, path } = await tenantWithReceiver();
    await fc.assert(
      fc.asyncProperty(jsonObjectText, jsonSpace, fc.boolean(), async (data, space, isFirst) => {
        const tenant = `"tenant_id":"${tenantId}"`;
        const field = `"data"${space}:${space}${data}${space}`;
        const text = `${space}{${isFirst ? `${field},${tenant}` : `${tenant},${field}`}}${space}`;
        const { status, body } = await api().post<PublishedView>('/v1/publish', text);
        expect(status).toBe(202);
        await expectUnchanged(path, body.id, data);
      }),
      { numRuns: 200 },
    );
  });

  it('are unchanged for any JSON, published in batches', async () => {
    const { tenantId, path } = await tenantWithReceiver();
    const batch = fc.array(fc.tuple(jsonObjectText, jsonSpace), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(batch, async (events) => {
        const texts = events.map(
          ([data, space]) => `${space}{"tenant_id":"${tenantId}",${space}"data":${data}}${space}`,
        );
        const { status, body } = await api().post<BatchView>(
          '/v1/publish/batch',
          `{"events":[${texts.join(',')}]}`,
        );
        expect(status).toBe(202);
        for (const [index, result] of body.results.entries()) {
          if (!('id' in result)) throw new Error(`event ${index} was refused`);
          await expectUnchanged(path, result.id, events[index]?.[0] ?? '');
        }
      }),
      { numRuns: 50 },
    );
  });

  it('are unchanged where the event is read from the database again', async () => {
    const { tenantId, path } = await tenantWithReceiver();
    const data = '{"z":1e400,"a":[12345678901234567890, "\\ud800"] }';
    const { body } = await api().post<PublishedView>(
      '/v1/publish',
      `{"tenant_id":"${tenantId}","data":${data}}`,
    );
    await expectUnchanged(path, body.id, data);
    const late = await api().destination(tenantId, {
      config: { url: api().receiver.url(`${path}/late`) },
    });
    await api().post('/v1/retry', { event_id: body.id, destination_id: late.id });
    expect(await delivered(`${path}/late`, body.id)).toBe(data);
  });

  it('stand in attempts, with the event and in the request', async () => {
    const { tenantId, path } = await tenantWithReceiver();
    const data = '{"z":1e400,"a":12345678901234567890 }';
    const { body } = await api().post<PublishedView>(
      '/v1/publish',
      `{"tenant_id":"${tenantId}","topic":"t","data":${data}}`,
    );
    await api().receiver.wait(path, 1);
    const answer = await until('the attempt', async () => {
      const listed = await api().get(
        `/v1/attempts?event_id=${body.id}&include=event.data&include=request`,
      );
      return listed.text.includes('"models":[]') ? undefined : listed;
    });
    expect(answer.text).toContain(`"data":${data}}`);
    const [received] = api().receiver.at(path);
    const { models } = answer.body as { models: { request: { body: string } }[] };
    expect(models[0]?.request.body).toBe(received?.body.toString());
  });

  it.each([
    ['one event', '/v1/publish', (event: string) => event],
    ['a batch', '/v1/publish/batch', (event: string) => `{"events":[${event}]}`],
  ])('nest as deep in %s as 128 levels, and no deeper', async (_what, path, wrap) => {
    const tenantId = await api().tenant();
    const event = (depth: number) =>
      `{"tenant_id":"${tenantId}","data":${nestedObjectText(depth)}}`;
    expect((await api().post(path, wrap(event(MAX_DEPTH)))).text).toContain('"duplicate":false');
    const { text } = await api().post(path, wrap(event(MAX_DEPTH + 1)));
    expect(text).toContain('"pointer":"/data","code":"too_deep"');
  });

  it.each([1000, 100_000])('of %d levels are refused, and do no harm', async (depth) => {
    const tenantId = await api().tenant();
    const { status, body } = await api().post<ErrorView>(
      '/v1/publish',
      `{"tenant_id":"${tenantId}","data":${'{"a":'.repeat(depth)}1${'}'.repeat(depth + 1)}`,
    );
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '/data', code: 'too_deep' }]);
    const brackets = '['.repeat(depth * 5);
    const open = await api().post<ErrorView>('/v1/publish', brackets);
    expect(open.body).toMatchObject({ status: 400, code: 'invalid_json' });
    const { body: next } = await api().publish({ tenant_id: tenantId, data: {} });
    expect(next.duplicate).toBe(false);
  });
});

describe('metadata', () => {
  it('are carried with NUL, surrogates alone and names that are special', async () => {
    const { tenantId } = await tenantWithReceiver();
    const metadata = '{"":"e","__proto__":"p","a":"\\u0000","b":"\\ud800","c":"😀"}';
    const { body } = await api().post<PublishedView>(
      '/v1/publish',
      `{"tenant_id":"${tenantId}","metadata":${metadata},"data":{}}`,
    );
    const event = await api().get(`/v1/events/${body.id}`);
    expect(event.text).toContain(`"metadata":${metadata}`);
  });

  it('are carried for any strings', async () => {
    const { tenantId } = await tenantWithReceiver();
    const strings = fc.string({ unit: 'binary', maxLength: 20 });
    await fc.assert(
      // V8 misreads an escaped name after a name with a backslash in it (JSON.parse, Node 26): without backslashes.
      fc.asyncProperty(
        fc.dictionary(
          strings.filter((name) => !name.includes('\\')),
          strings,
          { maxKeys: 5 },
        ),
        async (metadata) => {
          const { status, body } = await api().publish({ tenant_id: tenantId, metadata, data: {} });
          expect(status).toBe(202);
          const event = await api().get<EventView>(`/v1/events/${body.id}`);
          expect({ ...event.body.metadata }).toEqual({ ...metadata });
        },
      ),
      { numRuns: 50 },
    );
  });
});
