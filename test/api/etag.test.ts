/** `ETag` and `If-Match` of destinations: nobody overwrites a change that he has not seen. */
import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import type { Answer, RequestOptions } from '../support/api-server.ts';
import type { DestinationView } from '../support/api-views.ts';

const api = useApi();

async function newDestination() {
  const tenantId = await api().tenant();
  const { id } = await api().destination(tenantId);
  return `/v1/tenants/${tenantId}/destinations/${id}`;
}

const tagOf = ({ headers }: Answer<unknown>) => String(headers['etag']);
const ifMatch = (tag: string): RequestOptions => ({ headers: { 'if-match': tag } });
const STALE = { status: 412, code: 'precondition_failed' };

describe('the entity tag', () => {
  it('is the same until the destination is changed, and another one then', async () => {
    const path = await newDestination();
    const first = await api().get(path);
    expect(tagOf(first)).toMatch(/^"\d+"$/);
    expect(tagOf(await api().get(path))).toBe(tagOf(first));
    const changed = await api().patch(path, { name: 'a' });
    expect(tagOf(changed)).not.toBe(tagOf(first));
    expect(tagOf(await api().get(path))).toBe(tagOf(changed));
  });

  it('comes with creation, too', async () => {
    const body = { type: 'webhook', topics: '*', config: { url: api().receiver.url('/ok') } };
    const path = `/v1/tenants/${await api().tenant()}/destinations`;
    const created = await api().post<DestinationView>(path, body);
    expect(tagOf(await api().get(`${path}/${created.body.id}`))).toBe(tagOf(created));
  });
});

describe('If-Match', () => {
  const change = (path: string, name: string, tag: string) =>
    api().request<DestinationView>('PATCH', path, { body: { name }, ...ifMatch(tag) });

  it('lets the first of two writers through, and not the second', async () => {
    const path = await newDestination();
    const tag = tagOf(await api().get(path));
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => change(path, name, tag)));
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(2);
    const winner = answers.find(({ status }) => status === 200);
    const kept = await api().get<DestinationView>(path);
    expect(kept.body).toEqual(winner?.body);
    expect((await change(path, 'd', tagOf(kept))).status).toBe(200);
  });

  it('takes one of several tags, and any', async () => {
    const path = await newDestination();
    const tag = tagOf(await api().get(path));
    const several = await change(path, 'a', `"1", ${tag}`);
    expect(several.status).toBe(200);
    expect((await change(path, 'b', '*')).status).toBe(200);
  });

  it.each(['"1"', 'W/"1"', '1', '""', 'x'])('refuses %s, and changes nothing', async (tag) => {
    const path = await newDestination();
    const before = await api().get(path);
    const own = tagOf(before);
    for (const stale of [tag, `W/${own}`, own.replaceAll('"', '')])
      expect((await change(path, 'a', stale)).body).toMatchObject(STALE);
    for (const [method, place] of [
      ['PUT', '/enable'],
      ['PUT', '/disable'],
      ['DELETE', ''],
    ] as const)
      expect((await api().request(method, path + place, ifMatch(tag))).body).toMatchObject(STALE);
    expect((await api().get(path)).body).toEqual(before.body);
  });

  it('holds for disabling what is disabled, and for deleting', async () => {
    const path = await newDestination();
    const disabled = await api().put(`${path}/disable`);
    const again = ifMatch(tagOf(disabled));
    expect((await api().request('PUT', `${path}/disable`, again)).body).toEqual(disabled.body);
    const stale = await api().request('PUT', `${path}/disable`, ifMatch('"1"'));
    expect(stale.body).toMatchObject(STALE);
    expect((await api().request('DELETE', path, again)).status).toBe(200);
    expect((await api().request('DELETE', path, again)).status).toBe(404);
  });
});
