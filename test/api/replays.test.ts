/** Replays: events of a time range again. */
import { describe, expect, it } from 'vitest';
import { baack } from '../../src/profiles/baack.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type {
  AttemptView,
  AuditView,
  DeliveryView,
  ErrorView,
  ListView,
  ReplayView,
} from '../support/api-views.ts';

const api = useApi({ profiles: [baack] });

const ALWAYS = { gte: '2020-01-01T00:00:00Z' };

const replays = (body: object) => api().post<ReplayView>('/v1/replays', { time: ALWAYS, ...body });

async function count(body: object): Promise<number> {
  const answer = await api().post<{ count: number }>('/v1/replays', {
    time: ALWAYS,
    dry_run: true,
    ...body,
  });
  expect(answer.status).toBe(200);
  return answer.body.count;
}

async function change(id: string, what: string) {
  return api().post<ReplayView & ErrorView>(`/v1/replays/${id}/${what}`);
}

/** Waits until the replay is as it is told. */
function replay(id: string, isIt: (replay: ReplayView) => boolean): Promise<ReplayView> {
  return until('the replay', async () => {
    const { body } = await api().get<ReplayView>(`/v1/replays/${id}`);
    return isIt(body) ? body : undefined;
  });
}

const isEnded = ({ status }: ReplayView) => status !== 'running';

async function publish(tenantId: string, given: object = {}): Promise<string> {
  const { status, body } = await api().publish({
    tenant_id: tenantId,
    topic: 'a',
    data: {},
    ...given,
  });
  expect(status).toBe(202);
  return body.id;
}

/** Waits until nothing of the tenant is pending any more. */
async function settled(tenantId: string): Promise<void> {
  await until('all to be delivered', async () => {
    const path = `/v1/deliveries?tenant_id=${tenantId}&status=pending`;
    const { body } = await api().get<ListView<DeliveryView>>(path);
    return body.models.length === 0 ? true : undefined;
  });
}

async function attemptsOf(eventId: string, destinationId: string) {
  const path = `/v1/attempts?event_id=${eventId}&destination_id=${destinationId}&dir=asc`;
  return (await api().get<ListView<AttemptView>>(path)).body.models;
}

let lastName = 0;

/** A tenant with a destination at a path of its own. */
async function tenantWith(given: object = {}, path = `/replay-${++lastName}`) {
  const tenantId = await api().tenant();
  const destination = { config: { url: api().receiver.url(path) }, ...given };
  const { id } = await api().destination(tenantId, destination);
  return { tenantId, id, path, body: { tenant_id: tenantId, destination_id: id } };
}

describe('POST /replays', () => {
  it('counts with dry_run, and sends nothing', async () => {
    const { tenantId, path, body } = await tenantWith();
    for (let index = 0; index < 3; index++) await publish(tenantId);
    await settled(tenantId);
    expect(await count(body)).toBe(3);
    expect(await count({ ...body, select: 'failed' })).toBe(0);
    expect(await count({ ...body, select: 'missed' })).toBe(0);
    expect(api().receiver.at(path)).toHaveLength(3);
    const list = await api().get<ListView<ReplayView>>(`/v1/replays?tenant_id=${tenantId}`);
    expect(list.body.models).toEqual([]);
  });

  it('sends delivered events again, under the same id, as replays', async () => {
    const { tenantId, id, path, body } = await tenantWith();
    const eventId = await publish(tenantId);
    await settled(tenantId);
    const { status, body: made } = await replays(body);
    expect(status).toBe(201);
    expect(made).toMatchObject({
      ...body,
      select: 'all',
      status: 'running',
      reason: null,
      count: 1,
      created_by: 'ANGARIUM_API_KEY',
      ended_at: null,
    });
    const ended = await replay(made.id, isEnded);
    expect(ended).toMatchObject({ status: 'completed', pending: 0, done: 1, failed: 0 });
    expect(ended.ended_at).not.toBeNull();
    const sent = await api().receiver.wait(path, 2);
    expect(sent.map(({ headers }) => headers['webhook-id'])).toEqual([eventId, eventId]);
    expect(await attemptsOf(eventId, id)).toMatchObject([
      { attempt_number: 1, kind: 'first', manual: false },
      { attempt_number: 2, kind: 'replay', manual: true },
    ]);
  });

  it('keeps the idempotency key of profiles that have one', async () => {
    const { tenantId, path, body } = await tenantWith({
      profile: 'baack',
      credentials: { secret: 'a secret that was agreed upon' },
    });
    await publish(tenantId);
    await settled(tenantId);
    await replays(body);
    const keys = (await api().receiver.wait(path, 2)).map(
      ({ headers }) => headers['idempotency-key'],
    );
    expect(keys[0]).toMatch(/./);
    expect(keys[1]).toBe(keys[0]);
  });

  it('sends what the destination never had and wants, not what it does not want', async () => {
    const { tenantId } = await tenantWith();
    const wanted = await publish(tenantId, { data: { n: 1 } });
    await publish(tenantId, { topic: 'b' });
    await publish(tenantId, { data: { n: 2 } });
    const elsewhere = await api().destination(tenantId);
    await publish(tenantId, { data: { n: 1 }, destination_id: elsewhere.id });
    await settled(tenantId);
    const late = await api().destination(tenantId, { topics: ['a'], filter: { data: { n: 1 } } });
    const body = { tenant_id: tenantId, destination_id: late.id, select: 'missed' };
    expect(await count(body)).toBe(1);
    const { body: made } = await replays(body);
    expect(await replay(made.id, isEnded)).toMatchObject({ count: 1, done: 1 });
    expect(await attemptsOf(wanted, late.id)).toMatchObject([
      { attempt_number: 1, kind: 'replay' },
    ]);
    expect(await count(body)).toBe(0);
    expect(await count({ ...body, select: 'all' })).toBe(1);
  });

  it('sends failed ones of one destination, or of all of them', async () => {
    const broken = {
      config: { url: api().receiver.url('/status/500') },
      policy: { retry: { delays_s: [] } },
    };
    const { tenantId, id } = await tenantWith(broken);
    const other = await api().destination(tenantId, broken);
    await api().destination(tenantId);
    for (let index = 0; index < 2; index++) await publish(tenantId);
    await settled(tenantId);
    const failed = { tenant_id: tenantId, select: 'failed' };
    expect(await count({ ...failed, destination_id: id })).toBe(2);
    expect(await count(failed)).toBe(4);
    const url = api().receiver.url('/mended');
    await api().patch(`/v1/tenants/${tenantId}/destinations/${other.id}`, { config: { url } });
    const { body: made } = await replays(failed);
    expect(made.destination_id).toBeNull();
    expect(await replay(made.id, isEnded)).toMatchObject({ count: 4, done: 2, failed: 2 });
    expect(await count(failed)).toBe(2);
  });

  it('takes only what lies in the time range, has the topics and matches the filter', async () => {
    const { tenantId, body } = await tenantWith();
    const at = (minute: number) => `2026-11-01T10:${String(minute).padStart(2, '0')}:00.000Z`;
    for (let minute = 0; minute < 5; minute++)
      await publish(tenantId, {
        time: at(minute),
        topic: minute % 2 === 0 ? 'x.a' : 'y',
        data: { minute },
      });
    await settled(tenantId);
    const cases: [criteria: object, expected: number][] = [
      [{ time: { gte: at(1) } }, 4],
      [{ time: { gt: at(1) } }, 3],
      [{ time: { gt: at(1), lt: at(4) } }, 2],
      [{ time: { gte: at(1), lte: at(4) } }, 4],
      [{ topics: ['x.*'] }, 3],
      [{ topics: ['x.*', 'y'] }, 5],
      [{ filter: { data: { minute: { $gte: 3 } } } }, 2],
      [{ filter: {} }, 5],
      [{ topics: ['y'], filter: { data: { minute: { $gte: 3 } } } }, 1],
    ];
    for (const [criteria, expected] of cases)
      expect(await count({ ...body, ...criteria }), JSON.stringify(criteria)).toBe(expected);
  });

  it('leaves alone what is on its way', async () => {
    const hold = `replay-${++lastName}`;
    const { tenantId, body } = await tenantWith({}, `/hold/${hold}`);
    await publish(tenantId);
    await api().receiver.wait(`/hold/${hold}`, 1);
    expect(await count(body)).toBe(0);
    const { body: made } = await replays(body);
    expect(await replay(made.id, isEnded)).toMatchObject({
      status: 'completed',
      count: 0,
      done: 0,
    });
    api().receiver.release(hold);
    await settled(tenantId);
    expect(api().receiver.at(`/hold/${hold}`)).toHaveLength(1);
  });

  it('refuses what cannot be', async () => {
    const { tenantId, body } = await tenantWith();
    const disabled = await api().destination(tenantId, { disabled_at: '2026-01-01T00:00:00Z' });
    const asked = (given: object) =>
      api().post<ErrorView>('/v1/replays', { time: ALWAYS, ...given });
    const wrong = { status: 422, code: 'validation_failed' };
    const cases: [given: object, expected: object][] = [
      [
        { ...body, destination_id: 'none' },
        { status: 404, code: 'destination_not_found' },
      ],
      [
        { ...body, tenant_id: 'none' },
        { status: 404, code: 'tenant_not_found' },
      ],
      [
        { ...body, destination_id: disabled.id },
        { status: 400, code: 'destination_disabled' },
      ],
      [{ tenant_id: tenantId }, { ...wrong, errors: [{ pointer: '/destination_id' }] }],
      [{ destination_id: 'd' }, { ...wrong, errors: [{ pointer: '/tenant_id' }] }],
      [
        { ...body, time: {} },
        { ...wrong, errors: [{ pointer: '/time' }] },
      ],
      [
        { ...body, time: { gte: 'today' } },
        { ...wrong, errors: [{ pointer: '/time/gte' }] },
      ],
      [
        { ...body, filter: { data: { $no: 1 } } },
        { ...wrong, errors: [{ pointer: '/filter/data/$no' }] },
      ],
      [
        { ...body, select: 'some' },
        { ...wrong, errors: [{ pointer: '/select' }] },
      ],
      [
        { ...body, rate_per_minute: 0 },
        { ...wrong, errors: [{ pointer: '/rate_per_minute' }] },
      ],
      [
        { ...body, now: true },
        { ...wrong, errors: [{ pointer: '/now' }] },
      ],
    ];
    for (const [given, expected] of cases) {
      for (const dryRun of [{}, { dry_run: true }])
        expect((await asked({ ...given, ...dryRun })).body).toMatchObject(expected);
    }
    const both = await asked({ ...body, time: { gte: 'x' }, filter: { $no: 1 }, topics: ['ä'] });
    expect(both.body.errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/filter/$no',
      '/time/gte',
      '/topics/0',
    ]);
  });
});

describe('a replay under way', () => {
  /** One of several events, the first of which goes now and the others in minutes. */
  async function slow(events = 3) {
    const tenant = await tenantWith();
    for (let index = 0; index < events; index++) await publish(tenant.tenantId);
    await settled(tenant.tenantId);
    const { body } = await replays({ ...tenant.body, rate_per_minute: 1 });
    await replay(body.id, ({ done }) => done === 1);
    return { ...tenant, replayId: body.id };
  }

  it('keeps its rate', async () => {
    const { path, replayId } = await slow();
    expect(await replay(replayId, () => true)).toMatchObject({
      status: 'running',
      count: 3,
      done: 1,
    });
    expect(api().receiver.at(path)).toHaveLength(4);
    await change(replayId, 'cancel');
  });

  it('is paused, resumed and canceled; each once more changes nothing', async () => {
    const { tenantId, replayId } = await slow();
    const steps: [what: string, status: string][] = [
      ['pause', 'paused'],
      ['pause', 'paused'],
      ['resume', 'running'],
      ['resume', 'running'],
      ['cancel', 'canceled'],
      ['cancel', 'canceled'],
    ];
    for (const [what, expected] of steps) {
      const { status, body } = await change(replayId, what);
      expect([what, status, body.status]).toEqual([what, 200, expected]);
    }
    for (const what of ['pause', 'resume'])
      expect((await change(replayId, what)).body).toMatchObject({
        status: 409,
        code: 'replay_ended',
      });
    expect((await change('none', 'pause')).body).toMatchObject({
      status: 404,
      code: 'replay_not_found',
    });
    const audit = await api().get<ListView<AuditView>>(`/v1/audit?resource_id=${replayId}&dir=asc`);
    expect(audit.body.models.map(({ action, tenant_id: of }) => [action, of])).toEqual(
      ['created', 'paused', 'resumed', 'canceled'].map((what) => [`replay.${what}`, tenantId]),
    );
  });

  it.each([
    ['disabled', 'destination_disabled'],
    ['deleted', 'destination_deleted'],
  ])('stops when its destination is %s', async (what, reason) => {
    const { tenantId, id, replayId } = await slow();
    const path = `/v1/tenants/${tenantId}/destinations/${id}`;
    if (what === 'disabled') await api().put(`${path}/disable`);
    else await api().delete(path);
    await change(replayId, 'resume');
    expect(await replay(replayId, isEnded)).toMatchObject({ status: 'stopped', reason, done: 1 });
  });

  it('is gone with its tenant', async () => {
    const { tenantId, replayId } = await slow();
    await api().delete(`/v1/tenants/${tenantId}`);
    expect((await api().get(`/v1/replays/${replayId}`)).status).toBe(404);
  });

  it('is in the lists of its tenant, destination and status, and in no other', async () => {
    const { tenantId, id, replayId } = await slow();
    const listed = async (query: string) => {
      const { body } = await api().get<ListView<ReplayView>>(`/v1/replays?limit=1000&${query}`);
      return body.models.some((each) => each.id === replayId);
    };
    const other = await api().tenant();
    expect(await listed('')).toBe(true);
    expect(await listed(`tenant_id=${tenantId}&destination_id=${id}&status=running`)).toBe(true);
    expect(await listed('status=paused&status=completed')).toBe(false);
    expect(await listed('destination_id=other')).toBe(false);
    expect(await listed(`tenant_id=${other}`)).toBe(false);
    await change(replayId, 'cancel');
  });
});
