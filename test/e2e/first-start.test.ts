/** The first start, and the ways to start: by itself, by npm, by a Node that is too old. Budget: 20 s. */
import { spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { REPOSITORY, signalGroup, startAngarium, startProcess } from '../support/e2e-process.ts';
import { gate, startReceiver } from '../support/e2e-receiver.ts';
import { API_KEY, serverEnv, serverOf, startServer } from '../support/e2e-server.ts';
import type { Server } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';

const TIMEOUT_MS = 120_000;

it('the first start makes the keys and shows them once', { timeout: TIMEOUT_MS }, async () => {
  const cwd = temporaryFolder();
  const running = startAngarium(['serve'], { cwd, env: { ANGARIUM_PORT: '0' } });
  const { url } = await serverOf(running);
  const said = running.stdout();
  expect(said).toMatch(
    /^Angarium \d+\.\d+\.\d+ is ready at http:\/\/127\.0\.0\.1:\d+ \(\d+\.\d\d s\)\n/,
  );
  expect(said).toContain(`  API       ${url}/api/v1\n`);
  expect(said).toContain('  On trial: destinations may be on this machine (127.0.0.0/8, ::1/128)');
  expect(said).toContain('ANGARIUM_ALLOWED_CIDRS=none ends that');

  const data = join(cwd, 'data');
  const keyOf = (name: string) => readFileSync(join(data, name), 'utf8').trim();
  const apiKey = keyOf('angarium.api-key');
  const encryptionKey = keyOf('angarium.encryption-key');
  expect(apiKey).toMatch(/^ak_[\w-]{32}$/);
  expect(Buffer.from(encryptionKey, 'base64')).toHaveLength(32);
  expect(said.split(apiKey)).toHaveLength(2);
  if (process.platform !== 'win32') {
    expect(statSync(data).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(data).filter((each) => each.endsWith('-key')))
      expect(statSync(join(data, name)).mode & 0o777).toBe(0o600);
  }

  const docs = /^ {2}Docs {6}(\S+)$/m.exec(said)?.[1] ?? '';
  const page = await fetch(docs);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toContain('text/html');
  const statusWith = async (key: string) =>
    (await fetch(`${url}/api/v1/tenants`, { headers: { authorization: `Bearer ${key}` } })).status;
  expect(await statusWith(apiKey)).toBe(200);
  expect(await statusWith(API_KEY)).toBe(401);
  running.child.kill('SIGTERM');
  expect(await running.exited).toEqual({ code: 0, signal: null });

  const again = startAngarium(['serve'], { cwd, env: { ANGARIUM_PORT: '0' } });
  const second = await serverOf(again, apiKey);
  expect(await second.api.ok('GET', '/api/v1/tenants')).toMatchObject({ models: [] });
  await second.stop();
  expect(again.stdout()).toContain('is ready at');
  expect(again.stdout()).not.toContain('operator’s key');
  expect(keyOf('angarium.api-key')).toBe(apiKey);
  expect(keyOf('angarium.encryption-key')).toBe(encryptionKey);
  for (const output of [running.stderr(), again.stdout(), again.stderr()])
    for (const key of [apiKey, encryptionKey]) expect(output).not.toContain(key);
  expect(said).not.toContain(encryptionKey);
});

it.each([
  {
    target: 'its process group, as a terminal sends it',
    signal: (npm: ChildProcess) => signalGroup(npm, 'SIGTERM'),
  },
  // Between it and the server there is a shell, which tells nobody.
  { target: 'npm alone', signal: (npm: ChildProcess) => npm.kill('SIGTERM') },
])(
  'npm start in a copy: SIGTERM to $target loses nothing',
  { timeout: TIMEOUT_MS },
  async (way) => {
    const cwd = copyOfProgram();
    const running = startProcess(['npm', 'start'], {
      cwd,
      env: {
        ...serverEnv(),
        PATH: pathWithoutModules(),
        npm_config_logs_max: '0',
        npm_config_update_notifier: 'false',
      },
    });
    const server = await serverOf(running);
    await stopsInGoodOrder(server, cwd, () => way.signal(running.child));
  },
);

const oldNode = findOldNode();
if (oldNode === null) console.log('no Node older than 24 on this machine: its tests are skipped');

it.skipIf(oldNode === null)(
  'a Node that is too old hands over to the one that came along, and hands its signals on',
  { timeout: TIMEOUT_MS },
  async () => {
    const cwd = copyOfProgram();
    const running = startOldNode(cwd);
    const server = await serverOf(running);
    await stopsInGoodOrder(server, cwd, () => running.child.kill('SIGTERM'));
    expect(await running.exited).toEqual({ code: 0, signal: null });
  },
);

it.skipIf(oldNode === null)(
  'when that Node is killed, the server does not stay behind, and ends in good order',
  { timeout: TIMEOUT_MS },
  async () => {
    const cwd = copyOfProgram();
    const running = startOldNode(cwd);
    const server = await serverOf(running);
    await stopsInGoodOrder(server, cwd, () => running.child.kill('SIGKILL'));
  },
);

/** With a delivery under way: it ends and is recorded, whoever is signalled. */
async function stopsInGoodOrder(server: Server, cwd: string, signal: () => void): Promise<void> {
  const receiver = await startReceiver();
  const { behaviour, release } = gate();
  receiver.behave('/hook', behaviour);
  await server.api.tenant('acme');
  await server.api.destination('acme', { id: 'hook', url: receiver.url('/hook') });
  await server.api.publish({ tenant_id: 'acme', data: {} });
  await receiver.wait('/hook', 1);

  signal();
  await untilTrue('the server to stop', () => server.running.stderr().includes('"msg":"stopping'));
  release();
  // It comes when the last process that writes to the same output has ended.
  await server.running.exited;
  expect(server.running.stderr()).toContain('"msg":"stopped');

  const next = await startServer({ cwd });
  expect(await next.api.deliveries()).toMatchObject([{ status: 'delivered', attempts: 1 }]);
  await next.stop();
  expect(receiver.hits('/hook')).toHaveLength(1);
}

const NOT_COPIED = new Set(['.cache', '.git', 'coverage', 'data', 'dist', 'node_modules', 'test']);

/** A checkout that was never built, with the packages that are installed here. */
function copyOfProgram(): string {
  const folder = temporaryFolder();
  for (const name of readdirSync(REPOSITORY).filter((each) => !NOT_COPIED.has(each)))
    cpSync(join(REPOSITORY, name), join(folder, name), {
      recursive: true,
      filter: (path) => basename(path) !== 'node_modules',
    });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

function startOldNode(cwd: string) {
  return startProcess([oldNode ?? '', 'bin/angarium.js', 'serve'], { cwd, env: serverEnv() });
}

/** The path of the machine, without what `npm test` puts before it. */
function pathWithoutModules(): string {
  return pathFolders().join(delimiter);
}

function pathFolders(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.filter((folder) => !folder.includes('node_modules'));
}

function findOldNode(): string | null {
  for (const folder of pathFolders()) {
    const node = join(folder, 'node');
    const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    if (status === 0 && Number.parseInt(stdout.slice(1), 10) < 24) return node;
  }
  return null;
}
