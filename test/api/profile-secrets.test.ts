/** The secrets of each profile: how they are chosen, shown, shared and rotated, and what signs the very next delivery. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { outpostClient } from '../support/api-outpost-client.ts';
import { useApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView, ListView } from '../support/api-views.ts';
import { hmacHex } from '../support/profile-wire.ts';

const api = useApi();
const DAY_MS = 86_400_000;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const pathOf = (tenant: string, id = '') => `/v1/tenants/${tenant}/destinations${id && `/${id}`}`;

/** The signature header of the next event that a destination gets. */
async function nextSignature(tenant: string, path: string, header: string) {
  const count = api().receiver.at(path).length + 1;
  await api().publish({ tenant_id: tenant, topic: 'room.created', data: { count } });
  const received = (await api().receiver.wait(path, count)).at(-1);
  return { value: String(received?.headers[header]), body: received?.body ?? Buffer.alloc(0) };
}

describe('a secret', () => {
  const bytes = (count: number) => Buffer.alloc(count, 7).toString('base64');

  it.each([
    ['standard', /^whsec_[A-Za-z0-9+/]{43}=$/],
    ['basekit', /^[0-9a-f]{64}$/],
    ['balkanid', /^whsec_[A-Za-z0-9+/]{43}=$/],
    ['baxcloud', /^whsec_[A-Za-z0-9+/]{43}=$/],
  ])('of %s is made where none is given, shown, and another each time', async (profile, form) => {
    const made = [];
    for (let nth = 0; nth < 2; nth++) {
      const { credentials } = await api().destination(await api().tenant(), { profile });
      expect(credentials['secret']).toMatch(form);
      made.push(credentials['secret']);
    }
    expect(made[0]).not.toBe(made[1]);
  });

  it.each<[profile: string, good: readonly string[], bad: readonly string[]]>([
    [
      'standard',
      [`whsec_${bytes(24)}`, `whsec_${bytes(64)}`, `whsk_${bytes(32)}`],
      [
        `whsec_${bytes(23)}`,
        `whsec_${bytes(65)}`,
        bytes(32),
        'whsec_no base64!',
        `whsk_${bytes(31)}`,
      ],
    ],
    ['baack', ['x', 'of the client’s choice', 'x'.repeat(1024)], ['', 'x'.repeat(1025), 'a\0b']],
    ['basekit', ['0123456789abcdef'], ['0123456789abcde', 'x'.repeat(256)]],
    ['balkanid', ['whsec_12345678'], ['12345678901234', 'whsec_1234567', `whsk_${bytes(32)}`]],
    ['baxcloud', ['whsec_12345678'], ['12345678901234', 'whsec_1234567', `whsk_${bytes(32)}`]],
  ])('of %s that is given is held against its format', async (profile, good, bad) => {
    const give = async (secret: string) =>
      api().post<DestinationView & ErrorView>(pathOf(await api().tenant()), {
        type: 'webhook',
        profile,
        topics: '*',
        config: { url: api().receiver.url('/ok') },
        credentials: { secret },
      });
    for (const secret of good) {
      const { status, body } = await give(secret);
      expect(status).toBe(201);
      expect(body.credentials['secret']).toBe(profile === 'baack' ? sha256(secret) : secret);
    }
    for (const secret of bad) {
      const { status, body } = await give(secret);
      expect([status, body.errors]).toMatchObject([
        422,
        [{ pointer: '/credentials/secret', code: 'secret_format' }],
      ]);
    }
  });
});

describe('a secret of baack', () => {
  const secret = 'chosen by the client';

  it('has to be given', async () => {
    const tenant = await api().tenant();
    const { status, body } = await api().post<ErrorView>(pathOf(tenant), {
      type: 'webhook',
      profile: 'baack',
      topics: '*',
      config: { url: api().receiver.url('/ok') },
    });
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '/credentials/secret', code: 'required' }]);
  });

  it('is shown as its SHA-256 alone, wherever it is read', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/baack-shown') };
    const made = await api().destination(tenant, {
      profile: 'baack',
      credentials: { secret },
      config,
    });
    const got = await api().get<DestinationView>(pathOf(tenant, made.id));
    const list = await api().get<DestinationView[]>(pathOf(tenant));
    const patched = await api().patch<DestinationView>(pathOf(tenant, made.id), { name: 'x' });
    const rotated = await api().post<DestinationView>(`${pathOf(tenant, made.id)}/rotate-secret`, {
      secret: 'another one',
    });
    for (const each of [made, got.body, list.body[0], patched.body])
      expect(each?.credentials).toEqual({ secret: sha256(secret) });
    expect(rotated.body.credentials).toEqual({
      secret: sha256('another one'),
      previous_secret: sha256(secret),
      previous_secret_invalid_at: expect.any(String) as string,
    });
    await nextSignature(tenant, '/baack-shown', 'x-baack-signature');
    const attempts = await api().get<ListView<{ id: string }>>(`/v1/attempts?tenant_id=${tenant}`);
    for (const text of [got.text, list.text, patched.text, rotated.text, attempts.text])
      expect(text).not.toMatch(/chosen by the client|another one/);
  });

  it('stays as it is where its digest is sent back', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/baack-back') };
    const made = await api().destination(tenant, {
      profile: 'baack',
      credentials: { secret },
      config,
    });
    const { status, body } = await api().patch<DestinationView>(pathOf(tenant, made.id), {
      name: 'sent back',
      credentials: made.credentials,
    });
    expect(status).toBe(200);
    expect(body.credentials).toEqual(made.credentials);
    const count = 1;
    await api().publish({ tenant_id: tenant, topic: 'room.created', data: {} });
    const [received] = await api().receiver.wait('/baack-back', count);
    expect(received?.headers['x-baack-signature']).toBe(
      hmacHex(
        secret,
        received?.body ?? '',
        String(received?.headers['x-baack-timestamp']),
        String(received?.headers['idempotency-key']),
      ),
    );
  });

  it('is rotated to one that is given, never to one that is made', async () => {
    const tenant = await api().tenant();
    const made = await api().destination(tenant, { profile: 'baack', credentials: { secret } });
    const { status, body } = await api().post<ErrorView>(
      `${pathOf(tenant, made.id)}/rotate-secret`,
    );
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '/credentials/secret', code: 'required' }]);
  });
});

describe('the secret of basekit', () => {
  it('is one for all of a tenant’s destinations, and none of another tenant’s', async () => {
    const tenant = await api().tenant();
    const make = (path: string, of = tenant) =>
      api().destination(of, { profile: 'basekit', config: { url: api().receiver.url(path) } });
    const first = await make('/basekit-1');
    const second = await make('/basekit-2');
    const stranger = await make('/basekit-3', await api().tenant());
    const { secret = '' } = first.credentials;
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(second.credentials['secret']).toBe(secret);
    expect(stranger.credentials['secret']).not.toBe(secret);

    const { value, body } = await nextSignature(tenant, '/basekit-1', 'x-delivery-hmac-sha256');
    expect(value).toBe(hmacHex(secret, body));
  });

  it('rotated at one destination signs at all of them, the next delivery on', async () => {
    const tenant = await api().tenant();
    const make = (path: string) =>
      api().destination(tenant, { profile: 'basekit', config: { url: api().receiver.url(path) } });
    const first = await make('/basekit-a');
    await make('/basekit-b');
    await nextSignature(tenant, '/basekit-b', 'x-delivery-hmac-sha256');
    const rotated = await api().post<DestinationView>(`${pathOf(tenant, first.id)}/rotate-secret`);
    const { secret = '' } = rotated.body.credentials;
    expect(secret).not.toBe(first.credentials['secret']);
    for (const path of ['/basekit-a', '/basekit-b']) {
      const { value, body } = await nextSignature(tenant, path, 'x-delivery-hmac-sha256');
      expect(value).toBe(
        `${hmacHex(secret, body)},${hmacHex(String(first.credentials['secret']), body)}`,
      );
    }
  });

  it('cannot be given a second time at another destination', async () => {
    const tenant = await api().tenant();
    await api().destination(tenant, { profile: 'basekit' });
    const { status, body } = await api().post<ErrorView>(pathOf(tenant), {
      type: 'webhook',
      profile: 'basekit',
      topics: '*',
      config: { url: api().receiver.url('/ok') },
      credentials: { secret: '0123456789abcdef' },
    });
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '/credentials/secret', code: 'conflict' }]);
  });
});

describe('a rotation', () => {
  it('overlaps for a day unless it says otherwise', async () => {
    const tenant = await api().tenant();
    for (const [body, overlapMs] of [
      [undefined, DAY_MS],
      [{ overlap_s: 60 }, 60_000],
    ] as const) {
      const made = await api().destination(tenant, { profile: 'balkanid' });
      const before = Date.now();
      const rotated = await api().post<DestinationView>(
        `${pathOf(tenant, made.id)}/rotate-secret`,
        body,
      );
      const { previous_secret: previous, previous_secret_invalid_at: end = '' } =
        rotated.body.credentials;
      expect(previous).toBe(made.credentials['secret']);
      expect(Date.parse(end)).toBeGreaterThanOrEqual(before + overlapMs);
      expect(Date.parse(end)).toBeLessThanOrEqual(Date.now() + overlapMs);
    }
  });

  it('without an overlap ends the secret before at once', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/at-once') };
    const made = await api().destination(tenant, { profile: 'balkanid', config });
    await nextSignature(tenant, '/at-once', 'x-outpost-signature');
    const rotated = await api().post<DestinationView>(`${pathOf(tenant, made.id)}/rotate-secret`, {
      overlap_s: 0,
    });
    const { secret = '', ...rest } = rotated.body.credentials;
    expect(rest).toEqual({});
    const { value, body } = await nextSignature(tenant, '/at-once', 'x-outpost-signature');
    expect(value).toBe(`v0=${hmacHex(secret, body)}`);
  });

  it('by the published client of Outpost signs the very next delivery with both', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/by-client') };
    const made = await api().destination(tenant, { profile: 'balkanid', config });
    const before = made.credentials['secret'] ?? '';
    const outpost = outpostClient(api());
    await outpost.destinations.update(tenant, made.id, {
      type: 'webhook',
      credentials: { rotateSecret: true },
    });
    const { body: now } = await api().get<DestinationView>(pathOf(tenant, made.id));
    const { secret = '', previous_secret: previous } = now.credentials;
    expect(previous).toBe(before);
    const { value, body } = await nextSignature(tenant, '/by-client', 'x-outpost-signature');
    expect(value).toBe(`v0=${hmacHex(secret, body)},${hmacHex(before, body)}`);
  });

  it('three times in a row: three sign, the oldest last', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/thrice') };
    const made = await api().destination(tenant, { profile: 'baxcloud', config });
    const secrets = [made.credentials['secret'] ?? ''];
    for (const number of [2, 3]) {
      const secret = `whsec_secret-${number}`;
      await api().post(`${pathOf(tenant, made.id)}/rotate-secret`, { secret, overlap_s: 60 });
      secrets.unshift(secret);
    }
    const { value, body } = await nextSignature(tenant, '/thrice', 'x-baxcloud-signature');
    expect(value).toBe(secrets.map((secret) => hmacHex(secret, body)).join(','));
  });
});

describe('the code that BaxCloud publishes for receivers', () => {
  /** Its `verifyWebhook`: the header as a whole, of the body's text. */
  function verifyWebhook(payload: string, signature: string, secret: string): boolean {
    const expected = createHmac('sha256', secret).update(payload).digest('hex');
    return timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  }

  it('takes a delivery, and the next one after a rotation, with the new secret', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/bax') };
    const made = await api().destination(tenant, { profile: 'baxcloud', config });
    const first = await nextSignature(tenant, '/bax', 'x-baxcloud-signature');
    const { secret: before = '' } = made.credentials;
    expect(verifyWebhook(first.body.toString(), first.value, before)).toBe(true);
    expect(verifyWebhook(`${first.body.toString()} `, first.value, before)).toBe(false);

    const rotated = await api().post<DestinationView>(`${pathOf(tenant, made.id)}/rotate-secret`);
    const { secret = '', ...rest } = rotated.body.credentials;
    expect(rest).toEqual({});
    const next = await nextSignature(tenant, '/bax', 'x-baxcloud-signature');
    expect(verifyWebhook(next.body.toString(), next.value, secret)).toBe(true);
    expect(verifyWebhook(next.body.toString(), next.value, before)).toBe(false);
  });

  it('takes no header of two signatures: why a rotation overlaps only where that is asked for', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/bax-two') };
    const made = await api().destination(tenant, { profile: 'baxcloud', config });
    const rotated = await api().post<DestinationView>(`${pathOf(tenant, made.id)}/rotate-secret`, {
      overlap_s: 60,
    });
    const { value, body } = await nextSignature(tenant, '/bax-two', 'x-baxcloud-signature');
    for (const secret of [made.credentials['secret'], rotated.body.credentials['secret']])
      expect(() => verifyWebhook(body.toString(), value, secret ?? '')).toThrow('same byte length');
  });
});

describe('an ed25519 secret of standard', () => {
  it('is shown with its public key, and rotated to another of its kind', async () => {
    const tenant = await api().tenant();
    const secret = `whsk_${Buffer.alloc(32, 9).toString('base64')}`;
    const made = await api().destination(tenant, { credentials: { secret } });
    expect(made.credentials).toEqual({
      secret,
      public_key: expect.stringMatching(/^whpk_[A-Za-z0-9+/]{43}=$/) as string,
    });
    const rotated = await api().post<DestinationView>(`${pathOf(tenant, made.id)}/rotate-secret`);
    expect(rotated.body.credentials['secret']).toMatch(/^whsk_/);
    expect(rotated.body.credentials['public_key']).not.toBe(made.credentials['public_key']);
  });
});
