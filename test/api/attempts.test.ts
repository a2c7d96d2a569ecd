import { beforeAll, describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, DestinationView, ErrorView, ListView } from '../support/api-views.ts';

const api = useApi();

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

let tenantId = '';
let good: DestinationView;
let eventId = '';

const list = (query: string) => api().get<ListView<AttemptView>>(`/v1/attempts?${query}`);

async function attemptOf(query: string): Promise<AttemptView> {
  return until(`an attempt of ${query}`, async () => (await list(query)).body.models[0]);
}

const isMilliseconds = (value: unknown) => typeof value === 'number' && value > 0 && value < 30_000;
const isMillisecondsOrNull = (value: unknown) => value === null || isMilliseconds(value);

beforeAll(async () => {
  tenantId = await api().tenant();
  good = await api().destination(tenantId, {
    id: 'good',
    config: {
      url: api().receiver.url('/ok'),
      custom_headers: { 'x-shop': 'blue', authorization: 'Bearer hush' },
    },
    credentials: { secret: SECRET },
  });
  await api().destination(tenantId, {
    id: 'bad',
    topics: ['a'],
    config: { url: api().receiver.url('/status/503') },
    policy: { retry: { delays_s: [0, 0], jitter: 0 } },
  });
  const event = { tenant_id: tenantId, topic: 'a', metadata: { m: '1' }, data: { n: 1e21 } };
  eventId = (await api().publish(event)).body.id;
  await api().publish({ tenant_id: tenantId, topic: 'b', data: {} });
  await until('five attempts', async () => {
    const { body } = await list(`tenant_id=${tenantId}`);
    return body.models.length === 5 ? body : undefined;
  });
});

describe('GET /attempts', () => {
  it('lists every try with every field, and leaves out what was not asked for', async () => {
    const { body } = await list(`tenant_id=${tenantId}&destination_id=bad&dir=asc`);
    expect(body.models).toHaveLength(3);
    for (const [index, model] of body.models.entries()) {
      expect(model).toEqual({
        id: expect.stringMatching(/^att_[0-9a-z]{15}$/) as string,
        tenant_id: tenantId,
        event_id: eventId,
        destination_id: 'bad',
        destination_type: 'webhook',
        delivery_id: expect.stringMatching(/^dlv_/) as string,
        status: 'failed',
        time: expect.stringMatching(/Z$/) as string,
        code: '503',
        attempt_number: index + 1,
        manual: false,
        kind: index === 0 ? 'first' : 'retry',
        reason: 'http_status',
        detail: 'The receiver answered with status 503.',
        timings: {
          dns_ms: null,
          // Null where a connection was used again.
          connect_ms: expect.toSatisfy(isMillisecondsOrNull) as number | null,
          tls_ms: null,
          first_byte_ms: expect.toSatisfy(isMilliseconds) as number,
          total_ms: expect.toSatisfy(isMilliseconds) as number,
        },
      });
    }
    expect(new Set(body.models.map(({ delivery_id }) => delivery_id)).size).toBe(1);
  });

  it('tells a success by the status that the receiver answered', async () => {
    const { body } = await list(`tenant_id=${tenantId}&destination_id=good&event_id=${eventId}`);
    expect(body.models).toMatchObject([
      { status: 'success', code: '200', attempt_number: 1, reason: null, detail: null },
    ]);
  });

  it.each([
    ['', 5],
    ['status=success', 2],
    ['status=failed', 3],
    ['topic=b', 1],
    ['topic=a&topic=b', 5],
    ['destination_type=webhook', 5],
    ['destination_type=aws_sqs', 0],
    ['destination_type[]=aws_sqs&destination_type[]=webhook&status=success', 2],
    ['destination_id=good', 2],
    ['destination_id=nothing', 0],
    ['event_id=nothing', 0],
    ['delivery_id=nothing', 0],
    ['delivery_id=dlv_00000000000abcd000', 0],
    ['time[lt]=2026-01-01T00:00:00Z', 0],
    ['time[gte]=2026-01-01T00:00:00Z&order_by=time', 5],
  ])('filtered by %j gives %d', async (query, count) => {
    const { status, body } = await list(`tenant_id=${tenantId}&${query}`);
    expect({ status, count: body.models.length }).toEqual({ status: 200, count });
  });

  it('filtered by a delivery gives that one’s', async () => {
    const { delivery_id: id } = await attemptOf(`tenant_id=${tenantId}&destination_id=bad`);
    const { body } = await list(`delivery_id=${id}&dir=asc`);
    expect(body.models.map(({ attempt_number }) => attempt_number)).toEqual([1, 2, 3]);
  });

  it('is 409 for an event’s id that several tenants have used', async () => {
    for (const id of [await api().tenant(), await api().tenant()])
      await api().publish({ tenant_id: id, id: 'ambiguous', data: {} });
    const { body } = await list('event_id=ambiguous');
    expect(body).toMatchObject({ status: 409, code: 'ambiguous_id' });
  });

  it.each([
    ['status=ok', '?status', 'enum'],
    ['include=everything', '?include', 'enum'],
    ['include[]=event&include[]=x', '?include', 'enum'],
    ['order_by=code', '?order_by', 'enum'],
    ['code=500', '?code', 'unknown_parameter'],
    ['limit=1001', '?limit', 'range'],
  ])('refuses %s with 422', async (query, pointer, code) => {
    const { status, body } = await api().get<ErrorView>(`/v1/attempts?${query}`);
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer, code }]);
  });
});

describe('what an attempt includes', () => {
  const of = () => `tenant_id=${tenantId}&event_id=${eventId}&destination_id=good`;

  it('is the event without its data, or with them', async () => {
    const event = {
      id: eventId,
      tenant_id: tenantId,
      topic: 'a',
      time: expect.any(String) as string,
      eligible_for_retry: true,
      metadata: { m: '1' },
    };
    expect(await attemptOf(`${of()}&include=event`)).toMatchObject({ event });
    const [plain] = (await list(`${of()}&include[]=event`)).body.models;
    expect(plain).not.toHaveProperty('event.data');
    const [withData] = (await list(`${of()}&include[0]=event.data`)).body.models;
    expect(withData).toMatchObject({ event: { ...event, data: { n: 1e21 } } });
  });

  it('is the destination as it is now', async () => {
    const { state: _state, ...as } = good;
    expect(await attemptOf(`${of()}&include=destination`)).toMatchObject({ destination: as });
  });

  it('leaves out a destination that is gone', async () => {
    const own = await api().tenant();
    const { id } = await api().destination(own);
    await api().publish({ tenant_id: own, data: {} });
    await attemptOf(`tenant_id=${own}`);
    await api().delete(`/v1/tenants/${own}/destinations/${id}`);
    const attempt = await attemptOf(`tenant_id=${own}&include=destination`);
    expect(attempt.destination_id).toBe(id);
    expect(attempt).not.toHaveProperty('destination');
  });

  it('is the request as it was sent, with secret headers masked', async () => {
    const attempt = await attemptOf(`${of()}&include=request`);
    const received = api()
      .receiver.at('/ok')
      .find(({ headers }) => headers['webhook-id'] === eventId);
    expect(attempt).toMatchObject({
      request: {
        method: 'POST',
        url: good.config['url'],
        body: received?.body.toString(),
      },
    });
    const { headers } = (attempt as unknown as { request: { headers: [string, string][] } })
      .request;
    expect(headers).toContainEqual(['webhook-id', eventId]);
    expect(headers).toContainEqual(['webhook-signature', received?.headers['webhook-signature']]);
    expect(headers).toContainEqual(['x-shop', 'blue']);
    expect(headers).toContainEqual(['authorization', '********']);
    expect(received?.headers['authorization']).toBe('Bearer hush');
    expect(JSON.stringify(attempt)).not.toContain('hush');
    expect(JSON.stringify(attempt)).not.toContain(SECRET);
  });

  it('is what the receiver answered', async () => {
    const answer = {
      status: 200,
      headers: expect.arrayContaining([['x-receiver', 'test']]) as string[][],
      body: 'answer of /ok',
      truncated: false,
    };
    const attempt = await attemptOf(`${of()}&include=response&include=response_data`);
    expect(attempt).toMatchObject({ response: answer, response_data: answer });
  });

  it('is null for an answer that never came', async () => {
    const own = await api().tenant();
    await api().destination(own, {
      config: { url: 'http://127.0.0.1:9/' },
      policy: { retry: { delays_s: [] } },
    });
    await api().publish({ tenant_id: own, data: {} });
    const attempt = await attemptOf(`tenant_id=${own}&include=response&include=response_data`);
    expect(attempt).toMatchObject({
      status: 'failed',
      code: 'connection',
      reason: 'connection',
      response: null,
      response_data: null,
    });
  });
});

describe('GET /attempts/{attempt_id}', () => {
  it('gives request and answer too, and what else is asked for', async () => {
    const { id } = await attemptOf(`tenant_id=${tenantId}&destination_id=good`);
    const { status, body } = await api().get(`/v1/attempts/${id}`);
    expect(status).toBe(200);
    expect(body).toHaveProperty('request.body');
    expect(body).toHaveProperty('response.status', 200);
    expect(body).not.toHaveProperty('event');
    const more = await api().get(`/v1/attempts/${id}?include=event&include=destination`);
    expect(more.body).toHaveProperty('event.id');
    expect(more.body).toHaveProperty('destination.id', 'good');
  });

  it('is 404 for an unknown id, and for another tenant’s', async () => {
    const { id } = await attemptOf(`tenant_id=${tenantId}`);
    const own = await api().get(`/v1/attempts/${id}?tenant_id=${tenantId}`);
    expect(own.status).toBe(200);
    for (const path of ['nothing', 'att_00000000000abcd', `${id}?tenant_id=nobody`]) {
      const { body } = await api().get(`/v1/attempts/${path}`);
      expect(body).toMatchObject({ status: 404, code: 'attempt_not_found' });
    }
  });

  it('refuses what it does not know', async () => {
    const { body } = await api().get<ErrorView>('/v1/attempts/x?include=y&foo=1');
    expect(body.errors).toMatchObject([
      { pointer: '?foo', code: 'unknown_parameter' },
      { pointer: '?include', code: 'enum' },
    ]);
  });
});

describe('a destination’s attempts', () => {
  const path = (id: string) => `/v1/tenants/${tenantId}/destinations/${id}/attempts`;

  it('are its own, with the same filters', async () => {
    const { body } = await api().get<ListView<AttemptView>>(`${path('bad')}?dir=asc`);
    expect(body.models.map(({ attempt_number }) => attempt_number)).toEqual([1, 2, 3]);
    const some = await api().get<ListView<AttemptView>>(
      `${path('good')}?event_id=${eventId}&status=success&include=event&topic=a&limit=1`,
    );
    expect(some.body.models).toMatchObject([{ event: { id: eventId } }]);
    const none = await api().get<ListView<AttemptView>>(`${path('good')}?status=failed`);
    expect(none.body.models).toEqual([]);
  });

  it.each(['destination_id=x', 'tenant_id=x', 'destination_type=webhook', 'delivery_id=x'])(
    'are not filtered by %s, which the path says',
    async (query) => {
      const { status } = await api().get(`${path('good')}?${query}`);
      expect(status).toBe(422);
    },
  );

  it('are got one by one, and not by another destination', async () => {
    const { id } = await attemptOf(`tenant_id=${tenantId}&destination_id=bad`);
    const got = await api().get(`${path('bad')}/${id}?include=event`);
    expect(got.body).toMatchObject({ id, destination_id: 'bad', event: { id: eventId } });
    const other = await api().get(`${path('good')}/${id}`);
    expect(other.body).toMatchObject({ status: 404, code: 'attempt_not_found' });
    const unknown = await api().get(`${path('good')}/${id}?tenant_id=x`);
    expect(unknown.status).toBe(422);
  });
});
