import { describe, expect, it } from 'vitest';
import { INSTANCE_KEY } from '../support/instance-key.ts';
import { until } from '../support/api-until.ts';
import { useApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView } from '../support/api-views.ts';

const api = useApi();

const ALL = ['@method', '@authority', '@path', '@query', 'content-digest'];
const EXPRESSION = '{kind: topic, total: data.total}';

interface AttemptView {
  readonly status: string;
  readonly code: string;
  readonly detail: string | null;
  readonly reason: string | null;
  readonly request: { readonly body: string | null };
}

const at = (tenantId: string, id = '') =>
  `/v1/tenants/${tenantId}/destinations${id === '' ? '' : `/${id}`}`;

function webhook(given: object): object {
  return { type: 'webhook', topics: '*', config: { url: api().receiver.url('/ok') }, ...given };
}

async function refused(given: object): Promise<[pointer: string, code: string][]> {
  const { status, body } = await api().post<ErrorView>(at(await api().tenant()), webhook(given));
  expect({ status, code: body.code }).toEqual({ status: 422, code: 'validation_failed' });
  return body.errors.map(({ pointer, code }) => [pointer, code]);
}

/** The attempts of a tenant, with what was sent, once there are so many. */
async function attemptsOf(tenantId: string, count: number): Promise<readonly AttemptView[]> {
  return await until(`${count} attempts`, async () => {
    const { body } = await api().get<{ models: readonly AttemptView[] }>(
      `/v1/attempts?tenant_id=${tenantId}&include=request&dir=asc`,
    );
    return body.models.length >= count ? body.models : undefined;
  });
}

describe('the format of a destination', () => {
  it('is the profile’s, and not said, where none was given', async () => {
    const tenantId = await api().tenant();
    for (const given of [{}, { format: 'profile' }]) {
      const made = await api().destination(tenantId, given);
      expect(Object.keys(made)).not.toContain('format');
      expect(Object.keys(made)).not.toContain('expression');
      expect(Object.keys(made)).not.toContain('http_signature');
    }
  });

  it('is answered as it was given, as GET and the list do', async () => {
    const tenantId = await api().tenant();
    const made = await api().destination(tenantId, { format: 'jmespath', expression: EXPRESSION });
    expect(made).toMatchObject({ format: 'jmespath', expression: EXPRESSION });
    expect((await api().get(at(tenantId, made.id))).body).toEqual(made);
    expect((await api().get(at(tenantId))).body).toEqual([made]);
  });

  it('changes by PATCH, and takes its expression with it', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId, {
      format: 'jmespath',
      expression: EXPRESSION,
    });
    const patch = async (change: object) => {
      const { status, body } = await api().patch<DestinationView>(at(tenantId, id), change);
      expect(status).toBe(200);
      return [body.format, body.expression];
    };
    expect(await patch({ name: 'other' })).toEqual(['jmespath', EXPRESSION]);
    expect(await patch({ expression: 'data' })).toEqual(['jmespath', 'data']);
    expect(await patch({ format: 'thin' })).toEqual(['thin', undefined]);
    expect(await patch({ format: 'jmespath', expression: '@' })).toEqual(['jmespath', '@']);
    expect(await patch({ format: 'cloudevents-binary', expression: null })).toEqual([
      'cloudevents-binary',
      undefined,
    ]);
    expect(await patch({ format: null })).toEqual([undefined, undefined]);
  });

  it('is refused where the expression is missing, too much or wrong', async () => {
    expect(await refused({ format: 'jmespath' })).toEqual([['/expression', 'required']]);
    expect(await refused({ expression: 'data' })).toEqual([['/expression', 'conflict']]);
    expect(await refused({ format: 'thin', expression: 'data' })).toEqual([
      ['/expression', 'conflict'],
    ]);
    expect(await refused({ format: 'jmespath', expression: 'data[0' })).toEqual([
      ['/expression', 'expression'],
    ]);
    expect(await refused({ format: 'jmespath', expression: '', config: {} })).toHaveLength(1);
    expect(await refused({ format: 'xml' })).toMatchObject([['/format', 'enum']]);
    // All that is wrong at once.
    expect(
      await refused({ format: 'jmespath', expression: 'nothing(@)', config: { url: 'ftp://x/' } }),
    ).toEqual([
      ['/expression', 'expression'],
      ['/config/url', 'scheme'],
    ]);
  });

  it('a change is refused likewise, and nothing is changed', async () => {
    const tenantId = await api().tenant();
    const made = await api().destination(tenantId, { format: 'jmespath', expression: EXPRESSION });
    for (const change of [
      { expression: null },
      { expression: 'a b' },
      { format: 'thin', expression: 'a' },
    ]) {
      const { status, body } = await api().patch<ErrorView>(at(tenantId, made.id), change);
      expect(status).toBe(422);
      expect(body.errors.map(({ pointer }) => pointer)).toEqual(['/expression']);
    }
    expect((await api().get(at(tenantId, made.id))).body).toEqual(made);
  });

  it('says where an expression is wrong', async () => {
    const { body } = await api().post<ErrorView>(
      at(await api().tenant()),
      webhook({ format: 'jmespath', expression: '{a: data, b}' }),
    );
    expect(body.errors[0]?.message).toContain('as of character 12');
  });
});

describe('a destination with an expression', () => {
  it('gets what it builds, signed; the attempt shows the body again', async () => {
    const tenantId = await api().tenant();
    const path = `/ok/${tenantId}`;
    await api().destination(tenantId, {
      config: { url: api().receiver.url(path) },
      format: 'jmespath',
      expression: EXPRESSION,
      http_signature: { algorithm: 'ed25519' },
    });
    await api().publish({
      tenant_id: tenantId,
      topic: 'order.created',
      data: { total: 5, more: 1 },
    });
    const [received] = await api().receiver.wait(path, 1);
    expect(received?.body.toString()).toBe('{"kind":"order.created","total":5}');
    expect(received?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(received?.headers['webhook-signature']).toMatch(/^v1,/);
    expect(received?.headers['signature-input']).toContain(`keyid="${INSTANCE_KEY.id}"`);
    const [attempt] = await attemptsOf(tenantId, 1);
    expect(attempt).toMatchObject({
      status: 'success',
      request: { body: '{"kind":"order.created","total":5}' },
    });
  });

  it('fails with a sentence, once, where the event is not what it expects', async () => {
    const tenantId = await api().tenant();
    await api().destination(tenantId, { format: 'jmespath', expression: 'sum(data.numbers)' });
    await api().publish({ tenant_id: tenantId, topic: 'order.created', data: { numbers: 'x' } });
    const [attempt] = await attemptsOf(tenantId, 1);
    expect(attempt).toMatchObject({
      status: 'failed',
      code: 'payload',
      reason: 'payload',
      request: { body: null },
    });
    expect(attempt?.detail).toContain('The expression does not go with the event: ');
    const { body } = await api().get(`/v1/deliveries?tenant_id=${tenantId}`);
    expect(body).toMatchObject({ models: [{ status: 'failed', attempts: 1 }] });
  });
});

describe('http_signature', () => {
  it('is answered with its components, changes whole, and goes with null', async () => {
    const tenantId = await api().tenant();
    const made = await api().destination(tenantId, {
      http_signature: { algorithm: 'hmac-sha256' },
    });
    expect(made.http_signature).toEqual({ algorithm: 'hmac-sha256', components: ALL });
    const patch = async (change: object) =>
      (await api().patch<DestinationView>(at(tenantId, made.id), change)).body.http_signature;
    expect(await patch({ name: 'x' })).toEqual(made.http_signature);
    const part = { algorithm: 'ed25519', components: ['content-digest'] };
    expect(await patch({ http_signature: part })).toEqual(part);
    expect(await patch({ http_signature: null })).toBeUndefined();
  });

  it.each([
    [{ algorithm: 'rsa-v1_5-sha256' }, '/http_signature/algorithm'],
    [{}, '/http_signature/algorithm'],
    [{ algorithm: 'ed25519', components: [] }, '/http_signature/components'],
    [{ algorithm: 'ed25519', components: ['@path', '@path'] }, '/http_signature/components'],
    [{ algorithm: 'ed25519', components: ['date'] }, '/http_signature/components/0'],
    [{ algorithm: 'ed25519', key: 'x' }, '/http_signature/key'],
  ])('%j is refused', async (signature, pointer) => {
    const problems = await refused({ http_signature: signature });
    expect(problems.map(([where]) => where)).toEqual([pointer]);
  });

  it('by HMAC is refused with a secret that makes none', async () => {
    const secret = `whsk_${Buffer.alloc(32, 7).toString('base64')}`;
    expect(
      await refused({ credentials: { secret }, http_signature: { algorithm: 'hmac-sha256' } }),
    ).toEqual([['/http_signature/algorithm', 'conflict']]);
  });
});

it('GET /.well-known/jwks.json gives the public keys to anybody', async () => {
  const { status, headers, body } = await api().get('/.well-known/jwks.json', { key: null });
  expect(status).toBe(200);
  expect(headers['cache-control']).toBe('public, max-age=300');
  expect(body).toEqual({ keys: [INSTANCE_KEY.publicJwk] });
});
