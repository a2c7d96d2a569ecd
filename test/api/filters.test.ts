/** Filters of destinations, from the call that writes them to what is delivered. */
import { describe, expect, it } from 'vitest';
import { useApi, withApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView } from '../support/api-views.ts';

const api = useApi();

/** As BalkanID's document has it. */
const REVIEWER_ONLY = { data: { roles: ['reviewer'] } };

const at = (tenantId: string, id: string) => `/v1/tenants/${tenantId}/destinations/${id}`;

/** The destinations that a publish goes to. */
async function publish(tenantId: string, given: object): Promise<readonly string[]> {
  const { status, body } = await api().publish({ tenant_id: tenantId, data: {}, ...given });
  expect(status).toBe(202);
  return body.destination_ids;
}

function destinationText(filter: string): string {
  const { origin } = new URL(api().receiver.url('/ok'));
  return `{"type":"webhook","topics":"*","config":{"url":"${origin}/ok"}, "filter" : ${filter} }`;
}

describe('a filter', () => {
  it('lets through what BalkanID’s example wants, and nothing else', async () => {
    const tenantId = await api().tenant();
    const path = `/reviewers/${tenantId}`;
    const { id, filter } = await api().destination(tenantId, {
      topics: ['employee.updated'],
      filter: REVIEWER_ONLY,
      config: { url: api().receiver.url(path) },
    });
    expect(filter).toEqual(REVIEWER_ONLY);
    const event = (topic: string, roles: unknown) => ({ topic, data: { name: 'Ada', roles } });
    expect(await publish(tenantId, event('employee.updated', ['admin']))).toEqual([]);
    expect(await publish(tenantId, event('employee.updated', 'reviewer'))).toEqual([]);
    expect(await publish(tenantId, event('employee.created', ['reviewer']))).toEqual([]);
    expect(await publish(tenantId, event('employee.updated', ['admin', 'reviewer']))).toEqual([id]);
    const [received, ...others] = await api().receiver.wait(path, 1);
    expect(others).toEqual([]);
    expect(JSON.parse(received?.body.toString() ?? '')).toMatchObject({
      data: { name: 'Ada', roles: ['admin', 'reviewer'] },
    });
  });

  it('is asked beside the topics, in the order of the destinations', async () => {
    const tenantId = await api().tenant();
    const make = async (given: object) => (await api().destination(tenantId, given)).id;
    const all = await make({});
    const threes = await make({ filter: { data: { n: 3 } } });
    const unfiltered = await make({ topics: ['b'] });
    const large = await make({ filter: { data: { n: { $gte: 3 } } } });
    const alsoThrees = await make({ topics: ['a'], filter: { data: { n: 3 } } });
    const disabled = { filter: { data: { n: 3 } }, disabled_at: '2026-01-01T00:00:00Z' };
    await make(disabled);
    const to = (topic: string, n: number) => publish(tenantId, { topic, data: { n } });
    expect(await to('a', 3)).toEqual([all, threes, large, alsoThrees]);
    expect(await to('a', 4)).toEqual([all, large]);
    expect(await to('b', 1)).toEqual([all, unfiltered]);
    expect(await to('b', 3)).toEqual([all, threes, unfiltered, large]);
  });

  it('sees id, topic, time, metadata and data', async () => {
    const tenantId = await api().tenant();
    const make = async (filter: object) => (await api().destination(tenantId, { filter })).id;
    const byId = await make({ id: 'order-1' });
    const byTopic = await make({ topic: { $startsWith: 'room.' } });
    const byTime = await make({ time: { $lt: '2020-01-01T01:00:00+01:00' } });
    const byMetadata = await make({ metadata: { plan: { $neq: 'free' } } });
    const byNow = await make({ time: { $gt: '2024-01-01T00:00:00Z' } });
    const without = await make({ id: { $exist: false } });
    expect(
      await publish(tenantId, {
        id: 'order-1',
        topic: 'room.created',
        time: '2019-12-31T23:59:59.999Z',
        metadata: { plan: 'gold' },
      }),
    ).toEqual([byId, byTopic, byTime, byMetadata]);
    // The id that an event is given, and the exact time, are made in the commit, after the filters were asked.
    expect(await publish(tenantId, { topic: 'x', metadata: { plan: 'free' } })).toEqual([
      byNow,
      without,
    ]);
  });

  it('decides for an addressed destination too', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId, { filter: { data: { n: 3 } } });
    expect(await publish(tenantId, { destination_id: id, data: { n: 3 } })).toEqual([id]);
    expect(await publish(tenantId, { destination_id: id, data: { n: 4 } })).toEqual([]);
  });

  it('compares numbers as they are written, in the filter and in the event', async () => {
    const tenantId = await api().tenant();
    const text = '{"data":{"n":{"$in":[12345678901234567890,1e400]}}}';
    const made = await api().post<DestinationView>(
      `/v1/tenants/${tenantId}/destinations`,
      destinationText(text),
    );
    expect(made.status).toBe(201);
    expect(made.text).toContain(`"filter":${text}`);
    const { id } = made.body;
    expect((await api().get(at(tenantId, id))).text).toContain(`"filter":${text}`);
    const to = async (n: string) => {
      const body = `{"tenant_id":"${tenantId}","data":{"n":${n}}}`;
      return (await api().publish(body)).body.destination_ids;
    };
    expect(await to('12345678901234567890')).toEqual([id]);
    expect(await to('12345678901234567891')).toEqual([]);
    expect(await to('100e398')).toEqual([id]);
    expect(await to('2e400')).toEqual([]);
    const renamed = await api().patch(at(tenantId, id), { name: 'renamed' });
    expect(renamed.text).toContain(`"filter":${text}`);
    expect(await to('1e400')).toEqual([id]);
  });

  it('counts for the very next publish when it was changed, and is kept by other changes', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId);
    const to = (n: number) => publish(tenantId, { data: { n } });
    const change = async (body: object | string) => {
      const answer = await api().patch<DestinationView>(at(tenantId, id), body);
      expect(answer.status).toBe(200);
      return answer.body;
    };
    for (let round = 0; round < 20; round++) {
      expect(await change({ filter: { data: { n: round } } })).toMatchObject({
        filter: { data: { n: round } },
      });
      expect(await to(round)).toEqual([id]);
      expect(await to(round + 1)).toEqual([]);
    }
    expect(await change({ name: 'other' })).toHaveProperty('filter', { data: { n: 19 } });
    // Replaced whole, not merged.
    expect(await change({ filter: { topic: 'x' } })).toHaveProperty('filter', { topic: 'x' });
    expect(await change({ filter: {} })).not.toHaveProperty('filter');
    expect(await to(1)).toEqual([id]);
    await change({ filter: { topic: 'x' } });
    expect(await change({ filter: null })).not.toHaveProperty('filter');
    expect(await to(1)).toEqual([id]);
    // The last one counts, as in all of JSON.
    expect(await change('{"filter":{"topic":"x"},"filter":{"topic":"y"}}')).toHaveProperty(
      'filter',
      { topic: 'y' },
    );
  });

  it('is none where it is null or has no conditions', async () => {
    const tenantId = await api().tenant();
    for (const filter of [null, {}])
      expect(await api().destination(tenantId, { filter })).not.toHaveProperty('filter');
  });

  it('is kept over a restart', () =>
    withApi({ storage: 'file' }, async (own) => {
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId, { filter: { data: { n: 1 } } });
      await own.engine.load();
      const to = async (n: number) =>
        (await own.publish({ tenant_id: tenantId, data: { n } })).body.destination_ids;
      expect([await to(1), await to(2)]).toEqual([[id], []]);
    }));
});

describe('a wrong filter', () => {
  const deep = `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`;
  it.each(
    [
      ['{"data":{"n":{"$regex":"x"}}}', '/filter/data/n/$regex', 'unknown_operator'],
      ['{"data":{"n":{"$gt":[1]}}}', '/filter/data/n/$gt', 'operand'],
      ['{"a/b":{"$exist":1}}', '/filter/a~1b/$exist', 'operand'],
      ['{"$or":[1,{"$x":1}]}', '/filter/$or/1/$x', 'unknown_operator'],
      [deep, `/filter${'/a'.repeat(16)}`, 'too_deep'],
      [`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, '/filter', 'too_deep'],
      [`{"a":"${'x'.repeat(65_536)}"}`, '/filter', 'too_large'],
      ['[]', '/filter', 'type'],
      ['"x"', '/filter', 'type'],
      ['true', '/filter', 'type'],
    ].map(([filter = '', pointer = '', code = '']) => ({
      filter,
      pointer,
      code,
      name: filter.slice(0, 50),
    })),
  )('$name is refused', async ({ filter, pointer, code }) => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId);
    for (const answer of [
      await api().post<ErrorView>(`/v1/tenants/${tenantId}/destinations`, destinationText(filter)),
      await api().patch<ErrorView>(at(tenantId, id), `{"filter":${filter}}`),
      await api().post<ErrorView>('/v1/filters/test', `{"filter":${filter},"event":{"data":{}}}`),
    ]) {
      expect(answer.status).toBe(422);
      expect(answer.body.errors.map((error) => [error.pointer, error.code])).toEqual([
        [pointer, code],
      ]);
    }
    expect((await api().get<DestinationView>(at(tenantId, id))).body).not.toHaveProperty('filter');
  });

  it('is told with all else that is wrong', async () => {
    const tenantId = await api().tenant();
    const { body } = await api().post<ErrorView>(`/v1/tenants/${tenantId}/destinations`, {
      type: 'webhook',
      topics: ['ä'],
      config: {},
      filter: { data: { a: { $x: 1 }, b: { $in: {} } } },
    });
    expect(body.errors.map(({ pointer }) => pointer)).toEqual([
      '/filter/data/a/$x',
      '/filter/data/b/$in',
      '/topics/0',
    ]);
  });
});

interface TestedView {
  readonly matched: boolean;
  readonly failed: readonly { readonly pointer: string; readonly message: string }[];
}

describe('POST /filters/test', () => {
  const test = (body: unknown) => api().post<TestedView>('/v1/filters/test', body);

  it('says whether an event matches, and which conditions failed', async () => {
    const filter = { topic: 'a', data: { roles: ['reviewer'], n: { $gt: 3 } } };
    const event = { topic: 'a', data: { roles: ['reviewer'], n: 4 } };
    expect(await test({ filter, event })).toMatchObject({
      status: 200,
      body: { matched: true, failed: [] },
    });
    const other = { topic: 'a', data: { roles: ['admin'], n: 3 } };
    expect(await test({ filter, event: other })).toMatchObject({
      status: 200,
      body: {
        matched: false,
        failed: [
          {
            pointer: '/data/roles/0',
            message: '/data/roles, which is ["admin"], has no element that matches "reviewer".',
          },
          { pointer: '/data/n/$gt', message: '/data/n, which is 3, fails $gt 3.' },
        ],
      },
    });
  });

  it('takes an event as it would be published, number by number', async () => {
    const event = `{"id":"e","tenant_id":"t","topic":"a","time":"2026-01-01T00:00:00Z","eligible_for_retry":false,"metadata":{"a":"1"},"data":{"n":12345678901234567890}}`;
    const filter = (n: string) =>
      `{"id":"e","topic":"a","time":{"$lte":"2026-01-01T00:00:00Z"},"metadata":{"a":"1"},"data":{"n":${n}}}`;
    const matched = async (n: string) =>
      (await test(`{"filter":${filter(n)},"event":${event}}`)).body.matched;
    expect(await matched('12345678901234567890')).toBe(true);
    expect(await matched('12345678901234567891')).toBe(false);
  });

  it('takes an event that was published, as its filters saw it', async () => {
    const tenantId = await api().tenant();
    const given = { tenant_id: tenantId, id: `own-${tenantId}`, topic: 'a', data: { n: 1 } };
    await api().publish(given);
    const made = (await api().publish({ ...given, id: undefined })).body.id;
    const tested = async (event_id: string, filter: object) =>
      (await test({ filter, event_id, tenant_id: tenantId })).body.matched;
    expect(await tested(given.id, { id: given.id, topic: 'a', data: { n: 1 } })).toBe(true);
    expect(await tested(given.id, { data: { n: 2 } })).toBe(false);
    expect(await tested(made, { id: { $exist: false }, data: { n: 1 } })).toBe(true);
  });

  it('takes the sample of a topic', async () => {
    const sample = { plan: 'gold', seats: 3 };
    await api().put('/v1/catalogue/sampled.created', { sample });
    await api().put('/v1/catalogue/bare.created', { description: 'Without a sample.' });
    const sample_of = 'sampled.created';
    const good = {
      topic: sample_of,
      id: { $exist: false },
      data: { plan: 'gold', seats: { $gt: 2 } },
    };
    expect(await test({ filter: good, sample_of })).toMatchObject({
      status: 200,
      body: { matched: true, failed: [] },
    });
    const { body } = await test({ filter: { data: { seats: 4 } }, sample_of });
    expect(body).toMatchObject({ matched: false, failed: [{ pointer: '/data/seats' }] });
    expect(await test({ filter: {}, sample_of: 'no.such' })).toMatchObject({
      status: 404,
      body: { code: 'topic_not_found' },
    });
    expect(await test({ filter: {}, sample_of: 'bare.created' })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/sample_of', code: 'no_sample' }] },
    });
    for (const name of [sample_of, 'bare.created']) await api().delete(`/v1/catalogue/${name}`);
  });

  it('asks for the tenant where several have used the id', async () => {
    const tenants = [await api().tenant(), await api().tenant()];
    const [first = ''] = tenants;
    for (const tenant_id of tenants)
      await api().publish({ tenant_id, id: `both-${first}`, data: {} });
    const body = { filter: {}, event_id: `both-${first}` };
    expect(await test(body)).toMatchObject({ status: 409, body: { code: 'ambiguous_id' } });
    expect(await test({ ...body, tenant_id: first })).toMatchObject({ status: 200 });
    expect(await test({ ...body, event_id: 'evt_unknown' })).toMatchObject({
      status: 404,
      body: { code: 'event_not_found' },
    });
  });

  it.each([
    [{ event: { data: {} } }, ['/filter']],
    [{ filter: {} }, ['/event']],
    [{ filter: {}, event: { data: {} }, event_id: 'x' }, ['/event']],
    [{ filter: {}, event: { data: {} }, sample_of: 'a' }, ['/event']],
    [{ filter: {}, event_id: 'x', sample_of: 'a' }, ['/event']],
    [{ filter: {}, sample_of: 5 }, ['/sample_of']],
    [{ filter: {}, sample_of: '' }, ['/sample_of']],
    [{ filter: {}, event: {} }, ['/event/data']],
    [{ filter: {}, event: 'x' }, ['/event']],
    [{ filter: {}, event: { data: {}, topic: 5, other: 1 } }, ['/event/other', '/event/topic']],
    [{ filter: {}, event_id: 5 }, ['/event_id']],
    [{ filter: {}, event_id: 'x', tenant_id: [] }, ['/tenant_id']],
    [{ filter: {}, event: { data: {} }, other: 1 }, ['/other']],
    [{}, ['/filter', '/event']],
    [[], ['']],
  ])('refuses %j', async (body, pointers) => {
    const answer = await api().post<ErrorView>('/v1/filters/test', body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it('keeps nothing', async () => {
    const tenantId = await api().tenant();
    await test({ filter: {}, event: { tenant_id: tenantId, id: 'kept', data: {} } });
    const { body } = await api().get<{ models: unknown[] }>(`/v1/events?tenant_id=${tenantId}`);
    expect(body.models).toEqual([]);
  });
});

it('a filter that takes too many steps does not match, and the log says so', async () => {
  const tenantId = await api().tenant();
  const numbers = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => from + index);
  const filter = { data: { a: numbers(50_000, 5000) } };
  const { id } = await api().destination(tenantId, { filter });
  const other = await api().destination(tenantId, { filter: { data: { b: 1 } } });
  const data = { a: numbers(0, 60_000), b: 1 };
  expect(await publish(tenantId, { data })).toEqual([other.id]);
  expect(await publish(tenantId, { data, destination_id: id })).toEqual([]);
  expect(await publish(tenantId, { data: { a: numbers(50_000, 5000) } })).toEqual([]);
  const failures = api().failures.splice(0);
  expect(failures.map(({ what }) => what)).toEqual(
    failures.map(() => `the filter of ${id} gave up`),
  );
  expect(failures).toHaveLength(3);
});
