/** HTTP message signatures, verified from what a receiver got by two libraries of others. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { HttpSignature, HttpSignatureComponent } from '../../src/domain/http-signature.ts';
import { HTTP_SIGNATURE_COMPONENTS } from '../../src/domain/http-signature.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import { INSTANCE_KEY } from '../support/instance-key.ts';
import { startReceiver } from '../support/receiver.ts';
import type { ReceivedRequest } from '../support/receiver.ts';
import {
  checkWebhook,
  createLoopbackType,
  createMessage,
  expectDelivered,
  openWebhook,
} from '../support/receiver-sender.ts';
import type { Given } from '../support/receiver-sender.ts';
import { isDigestOf, VERIFICATIONS } from '../support/signature-libraries.ts';
import type { Expectation, VerificationKey } from '../support/signature-libraries.ts';

const KEY = Buffer.alloc(32, 7);
const SECRET = `whsec_${KEY.toString('base64')}`;
const PATH = 'hook/a%2Fb%20c/ä?x=1&y=%C3%A4&y=2&empty=';

const HMAC: HttpSignature = { algorithm: 'hmac-sha256', components: HTTP_SIGNATURE_COMPONENTS };
const ED25519: HttpSignature = { algorithm: 'ed25519', components: HTTP_SIGNATURE_COMPONENTS };

function expectation({ algorithm, components }: HttpSignature): Expectation {
  const key: VerificationKey =
    algorithm === 'ed25519'
      ? { algorithm, jwk: INSTANCE_KEY.publicJwk }
      : { algorithm, secret: KEY };
  return { keyId: algorithm === 'ed25519' ? INSTANCE_KEY.id : keyIdOf(KEY), key, components };
}

/** As receivers find it out of the secret that they have. */
function keyIdOf(secret: Buffer): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 16);
}

async function received(
  httpSignature: HttpSignature | null,
  { path = PATH, ...given }: Given & { path?: string } = {},
): Promise<ReceivedRequest> {
  const receiver = await startReceiver();
  const sender = openWebhook(createLoopbackType(), `${receiver.url}${path}`, {
    secret: SECRET,
    httpSignature,
    ...given,
  });
  const sent = await sender.send(createMessage());
  expectDelivered(sent);
  for (const name of httpSignature === null ? [] : ['Signature-Input', 'Content-Digest'])
    expect(sent.request.headers).toContain(`${name}\n`);
  const [request] = receiver.requests;
  if (request === undefined) throw new Error('nothing came');
  return request;
}

/** What somebody on the way could have changed, by what covers it. */
const TAMPERED: Record<HttpSignatureComponent, (request: ReceivedRequest) => ReceivedRequest> = {
  '@method': (request) => ({ ...request, method: 'PUT' }),
  '@authority': (request) => with_(request, 'host', 'other.test'),
  '@path': (request) => ({ ...request, path: request.path.replace('hook', 'hooks') }),
  '@query': (request) => ({ ...request, path: `${request.path}&z=1` }),
  'content-digest': (request) =>
    with_(request, 'content-digest', `sha-256=:${Buffer.alloc(32).toString('base64')}:`),
};

function with_(request: ReceivedRequest, name: string, value: string): ReceivedRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

describe.each(VERIFICATIONS)('%s', (_name, isGood) => {
  describe.each([HMAC, ED25519])('$algorithm', (signature) => {
    const expected = expectation(signature);

    it('takes what was sent for good', async () => {
      const request = await received(signature);
      expect(await isGood(request, expected)).toBe(true);
      expect(isDigestOf(request)).toBe(true);
    });

    it.each(['', '?', 'x', 'x?', '?a', 'x?a=b?c'])(
      'takes it to the path "/%s" for good',
      async (path) => {
        expect(await isGood(await received(signature, { path }), expected)).toBe(true);
      },
    );

    it.each(HTTP_SIGNATURE_COMPONENTS)('refuses it with another %s', async (component) => {
      const request = await received(signature);
      expect(await isGood(TAMPERED[component](request), expected)).toBe(false);
    });

    it('refuses another time, another key and another signature', async () => {
      const request = await received(signature);
      const input = request.headers['signature-input'] ?? '';
      const older = input.replace(/created=\d+/, (text) => `created=${Number(text.slice(8)) - 9}`);
      expect(await isGood(with_(request, 'signature-input', older), expected)).toBe(false);
      const nobody = with_(request, 'signature', `sig1=:${KEY.toString('base64')}:`);
      expect(await isGood(nobody, expected)).toBe(false);
      const wrong: VerificationKey = { algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 8) };
      expect(await isGood(request, { ...expected, key: wrong })).toBe(false);
      expect(await isGood(request, { ...expected, keyId: 'another' })).toBe(false);
    });

    it('covers what was asked for, in that order, and no more', async () => {
      const components: HttpSignatureComponent[] = ['content-digest', '@path'];
      const request = await received({ ...signature, components });
      expect(request.headers['signature-input']).toMatch(/^sig1=\("content-digest" "@path"\);/);
      expect(await isGood(request, { ...expected, components })).toBe(true);
      expect(await isGood(TAMPERED['@query'](request), { ...expected, components })).toBe(true);
      expect(await isGood(TAMPERED['@path'](request), { ...expected, components })).toBe(false);
      expect(await isGood(request, expected)).toBe(false);
    });
  });

  it.each([standard, balkanid, basekit, baxcloud, baack])(
    'goes with the profile $name',
    async (profile) => {
      // The key as the profile has it: all but the default one take the text of the secret.
      const secret = profile === standard ? KEY : Buffer.from(SECRET);
      const request = await received(HMAC, { profile });
      const key: VerificationKey = { algorithm: 'hmac-sha256', secret };
      const keyId = keyIdOf(secret);
      expect(await isGood(request, { ...expectation(HMAC), keyId, key })).toBe(true);
      const own = profile.signature?.header.toLowerCase() ?? '';
      expect(request.headers[own]).toBeDefined();
    },
  );
});

describe('while the secret is rotated', () => {
  const NEW = Buffer.alloc(32, 9);
  const OLD = Buffer.alloc(32, 5);

  async function sendRotated(httpSignature: HttpSignature): Promise<ReceivedRequest> {
    const receiver = await startReceiver();
    const type = createLoopbackType();
    const nowMs = Date.now();
    const checked = type.check({
      config: { url: receiver.url },
      credentials: {
        secret: `whsec_${NEW.toString('base64')}`,
        previous_secret: `whsec_${OLD.toString('base64')}`,
        previous_secret_invalid_at: new Date(nowMs + 60_000).toISOString(),
      },
      current: { secret: SECRET },
      profile: standard,
      httpSignature,
      nowMs,
    });
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    const { config, credentials } = checked;
    const sender = type.open({
      id: 'des_1',
      config,
      credentials,
      deliveryMetadata: null,
      profile: standard,
      httpSignature,
    });
    expectDelivered(await sender.send(createMessage({ nowMs })));
    expectDelivered(await sender.send(createMessage({ nowMs: nowMs + 60_000 })));
    const [first, later] = receiver.requests;
    if (first === undefined || later === undefined) throw new Error('nothing came');
    expect(later.headers['signature']).not.toContain('sig2');
    return first;
  }

  it.each(VERIFICATIONS)(
    '%s finds the signature of either secret, and it is good',
    async (_, isGood) => {
      const request = await sendRotated(HMAC);
      const by = (secret: Buffer, label: string) =>
        isGood(request, {
          ...expectation(HMAC),
          keyId: keyIdOf(secret),
          key: { algorithm: 'hmac-sha256', secret },
          label,
        });
      expect(await by(NEW, 'sig1')).toBe(true);
      expect(await by(OLD, 'sig2')).toBe(true);
      expect(await by(KEY, 'sig1')).toBe(false);
    },
  );

  it('the instance’s key signs once', async () => {
    const { headers } = await sendRotated(ED25519);
    expect(headers['signature']).toMatch(/^sig1=:[^:]{88}:$/);
  });
});

describe('its headers', () => {
  it('are not sent where nobody asked for them', async () => {
    const { headers } = await received(null);
    for (const name of ['content-digest', 'signature-input', 'signature'])
      expect(headers[name]).toBeUndefined();
  });

  it('cannot be set by hand where it does', () => {
    const open = (httpSignature: HttpSignature | null) => () =>
      checkWebhook(createLoopbackType(), 'http://127.0.0.1:1/', {
        customHeaders: { Signature: 'x', 'content-digest': 'y', 'Signature-Input': 'z' },
        httpSignature,
      });
    expect(open(null)).not.toThrow();
    expect(open(ED25519)).toThrow(/(?:header_reserved.*){3}/);
  });

  it('are not replaced by metadata either', async () => {
    const profile = { ...balkanid, metadataHeaderPrefix: '' };
    const request = await received(ED25519, {
      profile,
      deliveryMetadata: { signature: 'x', 'content-digest': 'y', other: 'z' },
    });
    expect(request.headers['other']).toBe('z');
    expect(request.headers['signature']).toMatch(/^sig1=/);
    expect(isDigestOf(request)).toBe(true);
  });
});

it('an HMAC needs a secret that is no ed25519 key', () => {
  const secret = `whsk_${Buffer.alloc(32, 3).toString('base64')}`;
  const open = (httpSignature: HttpSignature) => () =>
    checkWebhook(createLoopbackType(), 'http://127.0.0.1:1/', { secret, httpSignature });
  expect(open(ED25519)).not.toThrow();
  expect(open(HMAC)).toThrow('/http_signature/algorithm');
});
