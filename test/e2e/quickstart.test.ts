/** What README.md has a newcomer run. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createReceiver } from '../../examples/quickstart/receiver.ts';
import type { Received } from '../../examples/quickstart/receiver.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'angarium-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('npm run quickstart is the script that is tested here', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ scripts: { quickstart: 'node examples/quickstart/run.ts' } });
});

test('the quickstart delivers both events, verified and recorded, and leaves nothing behind', async () => {
  const { code, stdout, stderr } = await run('run.ts', { TMPDIR: folder });

  expect(stderr).toBe('');
  expect(code).toBe(0);
  for (const id of ['evt_abc123xyz', 'evt_def456uvw']) {
    expect(stdout).toContain(`webhook-id: ${id}`);
    expect(stdout).toMatch(new RegExp(`att_\\w+: attempt 1 of ${id}, success, status 204`));
  }
  expect(stdout.match(/signature good, data as published/g)).toHaveLength(2);
  expect(stdout).toContain('"duplicate":true');
  expect(stdout).toMatch(/Done\..*\n$/);
  // Node keeps compiled code there, for the next start.
  expect(readdirSync(folder).filter((name) => name !== 'node-compile-cache')).toEqual([]);
});

test('the settings of another Angarium on the machine do not reach the quickstart', async () => {
  const { code } = await run('run.ts', {
    TMPDIR: folder,
    ANGARIUM_ALLOWED_CIDRS: 'none',
    ANGARIUM_API_KEY: 'another-instances-key',
    ANGARIUM_PORT: '1',
  });

  expect(code).toBe(0);
});

test('a quickstart that cannot go on says why in a line and fails', async () => {
  const { code, stderr } = await run('run.ts', { TMPDIR: join(folder, 'missing') });

  expect(code).toBe(1);
  expect(stderr).toMatch(/^\nquickstart: .*missing.*\n$/);
});

test('the receiver asks for its secret', async () => {
  const { code, stderr } = await run('receiver.ts', { WEBHOOK_SECRET: undefined });

  expect(code).toBe(1);
  expect(stderr).toBe(
    'receiver: set WEBHOOK_SECRET to the credentials.secret of the destination\n',
  );
});

test('the receiver takes what is signed, tells repeats, and refuses what was changed', async () => {
  const received: Received[] = [];
  const refused: string[] = [];
  const server = createServer(
    createReceiver({
      secret: SECRET,
      onMessage: (message) => received.push(message),
      onRefused: (reason) => refused.push(reason),
    }),
  );
  const url = await new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${portOf(server.address())}/`));
  });
  const body = '{"type":"room.created","timestamp":"2026-11-21T10:00:00.000Z","data":{"n":1.0}}';
  const now = new Date();
  const headers = {
    'webhook-id': 'evt_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(SECRET).sign('evt_1', now, body),
  };
  const post = async (text: string) =>
    (await fetch(url, { method: 'POST', headers, body: text })).status;

  try {
    expect(await post(body)).toBe(204);
    expect(await post(body)).toBe(204);
    expect(await post(body.replace('1.0', '2.0'))).toBe(401);
  } finally {
    server.close();
    server.closeAllConnections();
  }
  expect(received.map(({ id, type, isRepeat }) => ({ id, type, isRepeat }))).toEqual([
    { id: 'evt_1', type: 'room.created', isRepeat: false },
    { id: 'evt_1', type: 'room.created', isRepeat: true },
  ]);
  expect(refused).toEqual(['No matching signature found']);
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, env: Record<string, string | undefined>): Promise<Ended> {
  const path = join(ROOT, 'examples/quickstart', script);
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path],
      { env: { ...process.env, ...env }, timeout: 100_000 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}
