/**
 * What a real server delivers is verified by the published libraries of Standard Webhooks and by the kit, and what was
 * changed on its way by none; and what those libraries sign, the kit verifies. Budget: 10 s.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { expect, it } from 'vitest';
import { verify } from '../../sdk/src/index.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { startReceiver } from '../support/receiver.ts';
import { findPython, STANDARDWEBHOOKS } from '../support/python.ts';
import { pythonVerifier, VERIFIERS } from '../support/sdk-verifiers.ts';
import type { Captured, Verifier } from '../support/sdk-verifiers.ts';

const python = findPython(STANDARDWEBHOOKS);

const DATA = [
  { n: 1 },
  { text: 'é 😀 \u2028 </script> \\ "' },
  { nested: { list: [1, 2.5, null, true], empty: {} } },
  {},
];

it('deliveries verify everywhere, and none that was changed', { timeout: 120_000 }, async () => {
  const messages = await deliver();
  for (const [name, verifier] of Object.entries(VERIFIERS)) await judges(name, verifier, messages);
});

it.skipIf(python === null)('so they do in Python', { timeout: 120_000 }, async () => {
  const verifier = pythonVerifier(python ?? '');
  await judges('standardwebhooks (PyPI)', verifier, await deliver());
});

it(
  'a delivery verifies on the command line, as long as it is not changed',
  {
    timeout: 120_000,
  },
  async () => {
    const [message] = await deliver();
    if (message === undefined) throw new Error('nothing was delivered');
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'body.json'), message.body);
    writeFileSync(join(cwd, 'changed.json'), `${message.body.toString()}\n`);
    writeFileSync(join(cwd, 'headers.json'), JSON.stringify(message.headers));
    writeFileSync(join(cwd, 'secret'), `${message.secret}\n`);
    const check = (bodyFile: string) =>
      runAngarium(
        [
          'verify',
          '--secret-file=secret',
          '--headers-file=headers.json',
          `--body-file=${bodyFile}`,
        ],
        { cwd },
      );
    expect(await check('body.json')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^good: .*topic +room\.created\n/s) as string,
      stderr: '',
    });
    expect(await check('changed.json')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^refused: signature_mismatch\n.*without the line break at its end/s,
      ) as string,
    });
    expect(await check('missing.json')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--body-file: "missing.json" cannot be read') as string,
    });
  },
);

it.each([
  ['standardwebhooks', Webhook],
  ['svix', SvixWebhook],
])('what %s signs, the kit verifies', async (_, Library) => {
  const secret = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;
  const body = '{"type":"a.b","data":{"é":1}}';
  const now = new Date();
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Library(secret).sign('msg_1', now, body),
  };
  expect(await verify('standard', headers, body, secret)).toMatchObject({
    ok: true,
    id: 'msg_1',
    topic: 'a.b',
  });
});

/** It takes the messages as they came, and none that was changed. */
async function judges(name: string, verifier: Verifier, messages: readonly Captured[]) {
  const changed = messages.flatMap(tamperings);
  expect([name, ...(await verifier(messages))]).toEqual([name, ...messages.map(() => 'good')]);
  expect([name, ...(await verifier(changed))]).toEqual([name, ...changed.map(() => 'refused')]);
}

/** Published to a server in a process of its own, and received. */
async function deliver(): Promise<Captured[]> {
  const receiver = await startReceiver();
  const cwd = temporaryFolder();
  const server = await startServer({ cwd });
  const { api } = server;
  await api.tenant('acme');
  await api.destination('acme', { id: 'hook', url: receiver.url });
  const { credentials } = await api.ok<{ credentials: { secret: string } }>(
    'GET',
    '/api/v1/tenants/acme/destinations/hook',
  );
  for (const data of DATA) await api.publish({ tenant_id: 'acme', topic: 'room.created', data });
  await untilTrue('all deliveries', () => receiver.requests.length === DATA.length);
  await server.stop();
  return receiver.requests.map(({ headers, body }) => ({
    headers,
    body,
    secret: credentials.secret,
  }));
}

/** The message with one part changed, each part once. */
function tamperings({ headers, body, secret }: Captured): Captured[] {
  const at = Math.floor(body.length / 2);
  const other = Buffer.from(body);
  other[at] = (other[at] ?? 0) ^ 1;
  const timestamp = Number(headers['webhook-timestamp']);
  const signature = headers['webhook-signature'] ?? '';
  const with_ = (name: string, value: string): Captured => ({
    headers: { ...headers, [name]: value },
    body,
    secret,
  });
  return [
    { headers, body: other, secret },
    { headers, body: Buffer.concat([body, Buffer.from('\n')]), secret },
    { headers, body, secret: `whsec_${Buffer.alloc(32, 9).toString('base64')}` },
    with_('webhook-id', `${headers['webhook-id'] ?? ''}0`),
    with_('webhook-timestamp', String(timestamp + 1)),
    with_('webhook-timestamp', String(timestamp - 600)),
    with_('webhook-signature', signature.replace('v1,', 'v1,A')),
    with_('webhook-signature', signature.replace('v1,', 'v2,')),
    with_('webhook-signature', ''),
  ];
}
