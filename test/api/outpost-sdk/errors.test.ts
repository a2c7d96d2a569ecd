/** How errors of ours arrive in Outpost's client: as the classes that its users catch. */
import * as errors from '@hookdeck/outpost-sdk/models/errors';
import { describe, expect, it } from 'vitest';
import { outpostClient } from '../../support/api-outpost-client.ts';
import { useApi } from '../../support/api-server.ts';

const api = useApi();

const client = (key?: string) => outpostClient(api(), key);

async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('an error', () => {
  it('of a missing thing is a NotFoundError', async () => {
    const tenantId = await api().tenant();
    const { tenants, destinations, events, attempts } = client();
    const outpost = client();
    const calls = [
      tenants.get('nobody'),
      tenants.delete('nobody'),
      destinations.list('nobody'),
      destinations.get(tenantId, 'nothing'),
      destinations.update(tenantId, 'nothing', { type: 'webhook' }),
      destinations.enable(tenantId, 'nothing'),
      destinations.disable(tenantId, 'nothing'),
      destinations.delete(tenantId, 'nothing'),
      destinations.listAttempts({ tenantId, destinationId: 'nothing' }),
      destinations.getAttempt(tenantId, 'nothing', 'nothing'),
      events.get('nothing'),
      attempts.get('nothing'),
      outpost.publish({ tenantId: 'nobody', data: {} }),
      outpost.retry({ eventId: 'nothing', destinationId: 'nothing' }),
    ];
    for (const error of await Promise.all(calls.map(thrownBy))) {
      expect(error).toBeInstanceOf(errors.NotFoundError);
      expect(error).toMatchObject({ statusCode: 404 });
    }
  });

  it('of a wrong key is an UnauthorizedError', async () => {
    const outpost = client('wrong');
    const calls = [
      outpost.tenants.list({}),
      outpost.tenants.upsert('t'),
      outpost.publish({ tenantId: 't', data: {} }),
      outpost.events.list({}),
      outpost.attempts.list({}),
    ];
    for (const error of await Promise.all(calls.map(thrownBy)))
      expect(error).toBeInstanceOf(errors.UnauthorizedError);
  });

  it('of wrong fields is an APIErrorResponse with a sentence for each', async () => {
    const tenantId = await api().tenant();
    const body = { type: 'webhook' as const, topics: '*' as const, config: { url: 'x' } };
    const error = await thrownBy(client().destinations.create(tenantId, body));
    expect(error).toBeInstanceOf(errors.APIErrorResponse);
    expect(error).toMatchObject({
      statusCode: 422,
      status: 422,
      data: [expect.stringContaining('/config/url: ') as string],
    });
  });

  it('of wrong fields of an event is a BadRequestError', async () => {
    const tenantId = await api().tenant();
    const error = await thrownBy(client().publish({ tenantId, id: 'a.b', data: {} }));
    expect(error).toBeInstanceOf(errors.BadRequestError);
    expect(error).toMatchObject({ statusCode: 422 });
  });

  it.each<[what: string, status: number, call: (tenantId: string) => Promise<unknown>]>([
    [
      'an id that is taken',
      409,
      async (tenantId) => {
        const config = { url: api().receiver.url('/ok') };
        const body = { id: 'd', type: 'webhook' as const, topics: '*' as const, config };
        await client().destinations.create(tenantId, body);
        return client().destinations.create(tenantId, body);
      },
    ],
    [
      'an event with other content',
      409,
      async (tenantId) => {
        await client().publish({ tenantId, id: 'e', data: { a: 1 } });
        return client().publish({ tenantId, id: 'e', data: { a: 2 } });
      },
    ],
    [
      'a disabled destination',
      400,
      async (tenantId) => {
        const { id: destinationId } = await api().destination(tenantId);
        await client().destinations.disable(tenantId, destinationId);
        const { id: eventId } = await client().publish({ tenantId, data: {} });
        return client().retry({ eventId, destinationId });
      },
    ],
    ['a bad cursor', 422, () => client().events.list({ next: 'x' })],
  ])('of %s has its status and its body', async (_what, status, call) => {
    const error = await thrownBy(call(await api().tenant()));
    expect(error).toBeInstanceOf(errors.OutpostError);
    expect(error).toMatchObject({
      statusCode: status,
      contentType: 'application/json; charset=utf-8',
      body: expect.stringContaining(`"status":${status}`) as string,
    });
  });
});
