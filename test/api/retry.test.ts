import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, ErrorView, ListView } from '../support/api-views.ts';

const api = useApi();

const retry = (body: unknown) => api().post<ErrorView>('/v1/retry', body);

/** Waits until the event has so many attempts, and gives them, the first one first. */
function attemptsOf(eventId: string, count: number): Promise<readonly AttemptView[]> {
  return until(`${count} attempts of ${eventId}`, async () => {
    const { body } = await api().get<ListView<AttemptView>>(
      `/v1/attempts?event_id=${eventId}&dir=asc`,
    );
    return body.models.length >= count ? body.models : undefined;
  });
}

async function published(given: object = {}, destination: object = {}) {
  const tenantId = await api().tenant();
  const { id } = await api().destination(tenantId, destination);
  const { body } = await api().publish({ tenant_id: tenantId, data: {}, ...given });
  return { tenantId, destinationId: id, eventId: body.id };
}

describe('POST /retry', () => {
  it('attempts a delivery again that was delivered', async () => {
    const { eventId, destinationId } = await published();
    await attemptsOf(eventId, 1);
    const { status, body } = await retry({ event_id: eventId, destination_id: destinationId });
    expect({ status, body }).toEqual({ status: 202, body: { success: true } });
    const [first, second] = await attemptsOf(eventId, 2);
    expect(first).toMatchObject({ attempt_number: 1, manual: false, kind: 'first' });
    expect(second).toMatchObject({
      attempt_number: 2,
      manual: true,
      kind: 'manual',
      delivery_id: first?.delivery_id,
      status: 'success',
    });
  });

  it('attempts one that has failed, once for each time it is asked', async () => {
    const { eventId, destinationId } = await published(
      {},
      {
        config: { url: api().receiver.url('/status/500') },
        policy: { retry: { delays_s: [] } },
      },
    );
    for (let count = 1; count <= 3; count++) {
      await attemptsOf(eventId, count);
      expect((await retry({ event_id: eventId, destination_id: destinationId })).status).toBe(202);
    }
    const attempts = await attemptsOf(eventId, 4);
    expect(attempts.map(({ kind }) => kind)).toEqual(['first', 'manual', 'manual', 'manual']);
  });

  it('attempts one at once that waits for its next time', async () => {
    const { eventId, destinationId } = await published(
      {},
      {
        config: { url: api().receiver.url('/status/500') },
        policy: { retry: { delays_s: [3600, 3600], jitter: 0 } },
      },
    );
    await attemptsOf(eventId, 1);
    await retry({ event_id: eventId, destination_id: destinationId });
    const [, second] = await attemptsOf(eventId, 2);
    expect(second).toMatchObject({ kind: 'manual', attempt_number: 2 });
  });

  it('delivers to a destination that never had the event, whatever its topics', async () => {
    const { tenantId, eventId } = await published({ topic: 'a' });
    const { id } = await api().destination(tenantId, {
      topics: ['b'],
      config: { url: api().receiver.url(`/late/${tenantId}`) },
    });
    expect((await retry({ event_id: eventId, destination_id: id })).status).toBe(202);
    const [received] = await api().receiver.wait(`/late/${tenantId}`, 1);
    expect(received?.headers['webhook-id']).toBe(eventId);
  });

  it('leaves one alone that is in an attempt just now', async () => {
    const tenantId = await api().tenant();
    const hold = `retry-${tenantId}`;
    const { id } = await api().destination(tenantId, {
      config: { url: api().receiver.url(`/hold/${hold}`) },
    });
    const { body } = await api().publish({ tenant_id: tenantId, data: {} });
    await api().receiver.wait(`/hold/${hold}`, 1);
    expect((await retry({ event_id: body.id, destination_id: id })).status).toBe(202);
    api().receiver.release(hold);
    await attemptsOf(body.id, 1);
    // A second event on the same lane has been delivered: nothing else was in it.
    const next = await api().publish({ tenant_id: tenantId, data: {} });
    await attemptsOf(next.body.id, 1);
    expect(api().receiver.at(`/hold/${hold}`)).toHaveLength(2);
  });

  it('is 400 when the destination is disabled', async () => {
    const { tenantId, eventId, destinationId } = await published();
    await api().put(`/v1/tenants/${tenantId}/destinations/${destinationId}/disable`);
    const { body } = await retry({ event_id: eventId, destination_id: destinationId });
    expect(body).toMatchObject({ status: 400, code: 'destination_disabled' });
  });

  it('is 404 for an unknown event or destination, and for those of other tenants', async () => {
    const { tenantId, eventId, destinationId } = await published();
    const other = await published();
    const noEvent = { status: 404, code: 'event_not_found' };
    const noDestination = { status: 404, code: 'destination_not_found' };
    const cases: [body: object, expected: object][] = [
      [{ event_id: 'nothing', destination_id: destinationId }, noEvent],
      [{ event_id: eventId, destination_id: 'nothing' }, noDestination],
      [{ event_id: eventId, destination_id: other.destinationId }, noDestination],
      [{ event_id: eventId, destination_id: destinationId, tenant_id: other.tenantId }, noEvent],
      [{ event_id: eventId, destination_id: destinationId, tenant_id: 'nobody' }, noEvent],
    ];
    for (const [body, expected] of cases) expect((await retry(body)).body).toMatchObject(expected);
    const own = { event_id: eventId, destination_id: destinationId, tenant_id: tenantId };
    expect((await retry(own)).status).toBe(202);
  });

  it('tells an id that several tenants have used apart by the destination, or asks for the tenant', async () => {
    const [one, two] = [await api().tenant(), await api().tenant()];
    for (const tenantId of [one, two]) {
      await api().destination(tenantId, { id: 'same' });
      await api().destination(tenantId, { id: `only-${tenantId}` });
      await api().publish({ tenant_id: tenantId, id: 'shared', data: {} });
    }
    const alone = await retry({ event_id: 'shared', destination_id: `only-${two}` });
    expect(alone.status).toBe(202);
    const { body } = await retry({ event_id: 'shared', destination_id: 'same' });
    expect(body).toMatchObject({ status: 409, code: 'ambiguous_id' });
    const told = await retry({ event_id: 'shared', destination_id: 'same', tenant_id: one });
    expect(told.status).toBe(202);
  });

  it.each<[what: string, body: unknown, pointer: string, code: string]>([
    ['no event', { destination_id: 'a' }, '/event_id', 'required'],
    ['no destination', { event_id: 'a' }, '/destination_id', 'required'],
    ['a number', { event_id: 1, destination_id: 'a' }, '/event_id', 'type'],
    ['null', { event_id: 'a', destination_id: null }, '/destination_id', 'type'],
    [
      'an unknown field',
      { event_id: 'a', destination_id: 'b', force: true },
      '/force',
      'unknown_field',
    ],
    ['a list', [], '', 'type'],
  ])('refuses %s with 422', async (_what, body, pointer, code) => {
    const answer = await retry(body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ pointer, code }]);
  });
});
