/** `angarium verify` on HTTP message signatures and CloudEvents, as a receiver captured them from our own deliveries. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { expect, describe, it, onTestFinished } from 'vitest';
import type { AddressInfo } from 'node:net';
import { readUrl } from '../../src/cli/read-url.ts';
import { runVerify } from '../../src/cli/verify.ts';
import { HTTP_SIGNATURE_COMPONENTS } from '../../src/domain/http-signature.ts';
import type { HttpSignature } from '../../src/domain/http-signature.ts';
import { applyFormat } from '../../src/domain/format.ts';
import type { FormatName } from '../../src/domain/format.ts';
import { isShape, renderShape } from '../../src/domain/payload.ts';
import { standard } from '../../src/profiles/standard.ts';
import { INSTANCE_KEY } from '../support/instance-key.ts';
import { startReceiver } from '../support/receiver.ts';
import type { ReceivedRequest } from '../support/receiver.ts';
import {
  createEvent,
  createLoopbackType,
  createMessage,
  expectDelivered,
  openWebhook,
} from '../support/receiver-sender.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const DATA = '{"room":"ä","n":1.5}';
const ED25519: HttpSignature = { algorithm: 'ed25519', components: HTTP_SIGNATURE_COMPONENTS };
const JWKS = JSON.stringify({ keys: [INSTANCE_KEY.publicJwk] });
const nowMs = Date.UTC(2026, 10, 21, 10);

interface Captured extends ReceivedRequest {
  readonly url: string;
}

async function capture(
  httpSignature: HttpSignature | null,
  format: Exclude<FormatName, 'jmespath'> = 'profile',
): Promise<Captured> {
  const receiver = await startReceiver();
  const url = `${receiver.url}hooks/a?x=1`;
  const sender = openWebhook(createLoopbackType(), url, {
    secret: SECRET,
    httpSignature,
    format: { name: format },
  });
  const event = createEvent({ id: 'evt_1', topic: 'room.created', data: Buffer.from(DATA) });
  const { payload } = applyFormat(standard, { name: format });
  if (!isShape(payload)) throw new Error('no shape');
  const body = renderShape(payload, event);
  expectDelivered(await sender.send(createMessage({ event, body, nowMs })));
  const [request] = receiver.requests;
  if (request === undefined) throw new Error('nothing came');
  return { ...request, url };
}

/** As it was captured, but for what is said. */
function judge(
  { url, headers, body }: Captured,
  argv: readonly string[] = [],
  change: { body?: string | Buffer; headers?: Readonly<Record<string, string>> } = {},
) {
  const flags = argv.includes('--url') || argv.includes('--secret') ? [] : ['--url', url];
  const lines = Object.entries({ ...headers, ...change.headers });
  const files = new Map([
    ['body', Buffer.from(change.body ?? body)],
    ['jwks', Buffer.from(JWKS)],
    ['headers', Buffer.from(JSON.stringify(Object.fromEntries(lines)))],
  ]);
  const given = argv.includes('--headers-file') ? [] : ['--headers-file', 'headers'];
  return runVerify(['--body-file', 'body', ...given, ...flags, ...argv], {
    async readFile(path) {
      return files.get(path) ?? readFile(path);
    },
    readUrl,
    readStandardInput: () => Promise.reject(new Error('it is not read')),
    nowMs,
  });
}

const KEYS = ['--jwks', 'jwks'];

describe('an HTTP message signature', () => {
  it('is good by the sender’s public keys, and says what it covers', async () => {
    const request = await capture(ED25519);
    expect(await judge(request, KEYS)).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: `good: the HTTP message signature is of this request line, these headers and this body
  signature   sig1, ed25519
  key         ${INSTANCE_KEY.id}
  created     2026-11-21T10:00:00.000Z
  covers      @method, @authority, @path, @query, content-digest
`,
    });
  });

  it('is good by a URL that gives the keys', async () => {
    const request = await capture(ED25519);
    const server = createServer((asked, response) => {
      response.statusCode = asked.url === '/.well-known/jwks.json' ? 200 : 404;
      response.end(JWKS);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const at = (path: string) => judge(request, ['--jwks', `http://127.0.0.1:${port}${path}`]);
    expect(await at('/.well-known/jwks.json')).toMatchObject({ exitCode: 0 });
    const { exitCode, stderr } = await at('/else');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('cannot be read: the answer has status 404');
  });

  it('is good by the signing secret, with hmac-sha256', async () => {
    const request = await capture({ ...ED25519, algorithm: 'hmac-sha256' });
    const argv = ['--url', request.url, '--secret', SECRET];
    const { exitCode, stdout } = await judge(request, argv);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('  signature   sig1, hmac-sha256\n');
    const other = SECRET.replace('Bwc', 'Cwc');
    expect(await judge(request, ['--url', request.url, '--secret', other])).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('refused: signature_mismatch') as string,
    });
  });

  it('takes method and path from the request line of the captured headers', async () => {
    const request = await capture(ED25519);
    const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
    const raw = (first: string) => [first, ...lines].join('\r\n');
    const run = (first: string) =>
      runVerify(['--jwks', 'jwks', '--headers-file', 'h', '--body-file', 'b'], {
        readFile: async (path) =>
          path === 'jwks'
            ? Buffer.from(JWKS)
            : path === 'h'
              ? Buffer.from(raw(first))
              : request.body,
        readUrl,
        readStandardInput: () => Promise.reject(new Error('it is not read')),
        nowMs,
      });
    expect(await run('POST /hooks/a?x=1 HTTP/1.1')).toMatchObject({ exitCode: 0 });
    expect(await run('PUT /hooks/a?x=1 HTTP/1.1')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('good for the method POST') as string,
    });
  });

  it.each<[what: string, argv: (url: string) => string[], says: string]>([
    ['the path', (url) => ['--url', url.replace('/a?', '/a/?')], 'is good for the URL http://'],
    ['the method', (url) => ['--url', url, '--method', 'PUT'], 'is good for the method POST'],
    [
      'the host',
      (url) => ['--url', url.replace('127.0.0.1', 'inner.test')],
      'is good for the URL http://127.0.0.1:',
    ],
  ])('says that %s is another', async (_what, argv, says) => {
    const request = await capture(ED25519);
    const { exitCode, stdout } = await judge(request, [...KEYS, ...argv(request.url)]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('refused: signature_mismatch\n');
    expect(stdout).toContain(says);
  });

  it('says that the body is another, and what was done to it', async () => {
    const request = await capture(ED25519);
    const changed = { body: `${request.body.toString()}\n` };
    const { exitCode, stdout } = await judge(request, KEYS, changed);
    expect(exitCode).toBe(1);
    expect(stdout).toBe(`refused: digest_mismatch
  the body is not the one of content-digest (sha-256)
  The signature itself is good.
  The digest is that of the body without the line break at its end: an editor or echo has added it.
`);
    const forged = await judge(request, KEYS, { body: '{}' });
    expect(forged.stdout).toContain('the body was changed after it was signed');
  });

  it('says that a signed header is another', async () => {
    const request = await capture(ED25519);
    const digest = `sha-256=:${Buffer.alloc(32).toString('base64')}:`;
    const { stdout } = await judge(request, KEYS, { headers: { 'content-digest': digest } });
    expect(stdout).toContain('refused: signature_mismatch\n');
    expect(stdout).toContain('a signed header was changed');
  });

  it('says what it leaves out', async () => {
    const request = await capture({ ...ED25519, components: ['@method', '@path'] });
    const { exitCode, stdout } = await judge(request, KEYS);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('refused: insufficient_coverage\n');
    expect(stdout).toContain('good for what it covers: "@method", "@path"');
  });

  it('says which key it names, and which there are', async () => {
    const request = await capture(ED25519);
    const jwks = JSON.stringify({ keys: [{ ...INSTANCE_KEY.publicJwk, kid: 'another' }] });
    const server = createServer((_asked, response) => void response.end(jwks));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { exitCode, stdout } = await judge(request, ['--jwks', `http://127.0.0.1:${port}/`]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('refused: unknown_key\n');
    expect(stdout).toContain(`names "${INSTANCE_KEY.id}"; the keys of --jwks are "another"`);
  });

  it('says that there is none, that it is old, or early', async () => {
    const none = await capture(null);
    const { exitCode, stdout } = await judge(none, KEYS);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('refused: missing_header\n  there is no header signature-input\n');
    expect(stdout).toContain('The request has no HTTP message signature');
    const request = await capture(ED25519);
    const old = await judge(request, [...KEYS, '--at', '2026-11-21T11:00:00Z']);
    expect(old.stdout).toMatch(/^refused: timestamp_too_old\n[^]*--at says when it came/);
    const early = await judge(request, [...KEYS, '--at', '2026-11-21T09:00:00Z']);
    expect(early.stdout).toContain('refused: timestamp_too_new\n');
  });

  it('is not judged where an option is wrong', async () => {
    const request = await capture(ED25519);
    for (const [argv, says] of [
      [['--url', 'example.com/hooks', ...KEYS], '--url: give the URL that the sender was given'],
      [['--url', request.url], '--secret: it is missing: give it, or'],
      [['--jwks', 'body'], '--jwks: it is no JSON of the form {"keys": [...]}'],
      [['--jwks', 'gone'], '--jwks: "gone" cannot be read'],
    ] as const) {
      const { exitCode, stderr } = await judge(request, argv);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(says);
    }
  });
});

describe('a CloudEvent', () => {
  it.each([
    ['cloudevents-structured', 'structured: specversion 1.0, id evt_1, source /tenants/'],
    ['cloudevents-binary', 'binary, its attributes are headers: specversion 1.0, id evt_1, source'],
  ] as const)('of %s is told of beside its signature', async (format, says) => {
    const request = await capture(null, format);
    const { exitCode, stdout } = await judge(request, ['--secret', SECRET]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`  CloudEvent  ${says}`);
    expect(stdout).toContain('type room.created\n');
  });

  it('that lacks an attribute is told to be none', async () => {
    const request = await capture(null, 'cloudevents-binary');
    const { stdout } = await judge(request, ['--secret', SECRET], { headers: { 'ce-source': '' } });
    expect(stdout).toContain('; it is none, as it lacks source\n');
  });
});
