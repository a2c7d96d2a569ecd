/** The server as it is put together: public keys, signatures by them, handshakes, expressions. Budget: 10 s. */
import { expect, it } from 'vitest';
import { verifyHttpSignature } from '../../sdk/src/index.ts';
import type { KeySet } from '../../sdk/src/index.ts';
import { deriveInstanceKey } from '../../src/domain/instance-keys.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { startReceiver } from '../support/receiver.ts';

const ENCRYPTION_KEYS = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

it('signs by the first of its public keys what an expression builds, once the receiver agreed', async () => {
  const receiver = await startReceiver(({ method }, response) => {
    if (method === 'OPTIONS') response.setHeader('WebHook-Allowed-Origin', 'hooks.example.com');
    response.end();
  });
  const server = await startServer({
    cwd: temporaryFolder(),
    env: {
      ANGARIUM_ENCRYPTION_KEY: ENCRYPTION_KEYS.map((key) => key.toString('base64')).join(','),
      ANGARIUM_PUBLIC_URL: 'https://hooks.example.com:8443',
      ANGARIUM_ALLOWED_CIDRS: '127.0.0.0/8',
    },
  });
  await server.api.send('PUT', '/api/v1/tenants/acme');
  const made = await server.api.send('POST', '/api/v1/tenants/acme/destinations', {
    type: 'webhook',
    topics: '*',
    config: { url: `${receiver.url}hook?a=b`, webhook_handshake: 'true' },
    format: 'jmespath',
    expression: '{total: sum(data.lines[].price)}',
    http_signature: { algorithm: 'ed25519' },
  });
  expect(made.status).toBe(201);
  const data = { lines: [{ price: 3 }, { price: 4 }] };
  await server.api.publish({ tenant_id: 'acme', data });
  await untilTrue('the delivery', () => receiver.requests.length === 2);

  const answer = await fetch(`${server.url}/.well-known/jwks.json`);
  const keys = (await answer.json()) as { keys: KeySet & { kid: string }[] };
  expect(keys).toEqual({
    keys: ENCRYPTION_KEYS.map((key) => deriveInstanceKey(key).publicJwk),
  });
  const [asked, sent] = receiver.requests;
  expect(asked?.headers['webhook-request-origin']).toBe('hooks.example.com');
  const { method = '', path = '', headers = {}, body = '' } = sent ?? {};
  expect(body.toString()).toBe('{"total":7}');
  const url = `http://127.0.0.1:${receiver.port}${path}`;
  expect(
    await verifyHttpSignature({ method, url, headers, body }, { keys: keys.keys }),
  ).toMatchObject({
    ok: true,
    keyId: keys.keys[0]?.kid,
    payload: { total: 7 },
  });
  await server.stop();
});
