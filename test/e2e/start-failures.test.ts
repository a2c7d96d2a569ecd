/** What keeps the server from starting is said in a line, and nothing is touched. Budget: 15 s. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';

import { OPTION_KEYS, variableName, fileName } from '../../src/config-options.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';

const TIMEOUT_MS = 120_000;

describe('options', () => {
  it('that are all wrong are all said at once', { timeout: TIMEOUT_MS }, async () => {
    const cwd = temporaryFolder();
    // No option takes this, save a path.
    const paths = new Set<string>(['topicsFile', 'caFile', 'mailTemplates']);
    const variables = OPTION_KEYS.filter((key) => !paths.has(key)).map((key) =>
      variableName(fileName(key)),
    );
    const env = Object.fromEntries(variables.map((variable) => [variable, '~é']));
    const { code, stdout, stderr } = await runAngarium(['serve', '--prot', '80'], {
      cwd,
      env: { ...env, ANGARIUM_PROT: '80', ANGARIUM_CONFIG: 'missing.yaml' },
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const [head, ...problems] = stderr.trimEnd().split('\n');
    const foot = problems.pop();
    expect(new Set(problems.map((line) => line.trim().split(': ')[0]))).toEqual(
      new Set([...variables, 'ANGARIUM_CONFIG', 'ANGARIUM_PROT', '--prot']),
    );
    expect(head).toBe(`angarium: ${problems.length} options are wrong:`);
    expect(foot).toBe('angarium serve --help explains them.');
    expect(readdirSync(cwd)).toEqual([]);
  });
});

describe('mail templates', () => {
  it('that cannot be used are said by file and line, and nothing is made', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'mails'));
    writeFileSync(join(cwd, 'mails', 'delivery.failed.text.mustache'), 'one\n{{#items}}\n{{at}');
    const env = serverEnv({ ANGARIUM_MAIL_TEMPLATES: 'mails' });
    const { code, stdout, stderr } = await runAngarium(['serve'], { cwd, env });
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'angarium: the mail templates are wrong:\n' +
        '  mails/delivery.failed.text.mustache:3: Unclosed tag, in Mustache (mustache(5))\n',
    });
    expect(existsSync(join(cwd, 'data'))).toBe(false);
  });
});

describe('the port', () => {
  it('that is taken is said in one line, and keys made by then are shown', async () => {
    const cwd = temporaryFolder();
    const port = await takePort();
    const refused = await runAngarium(['serve', '--port', String(port)], { cwd });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe(
      `angarium: cannot listen on 127.0.0.1:${port} (EADDRINUSE): the port is taken: stop what uses it, or choose another with ANGARIUM_PORT\n`,
    );
    const key = readFileSync(join(cwd, 'data', 'angarium.api-key'), 'utf8').trim();
    expect(refused.stdout).toContain(`\n      ${key}\n`);
    expect(refused.stdout).not.toContain('ready');

    const server = await startServer({ cwd, env: { ANGARIUM_API_KEY: key } });
    await server.api.tenant('acme');
    await server.stop();
  });
});

describe('the database', () => {
  it('of a server that is running is refused to another, which does it no harm', async () => {
    const cwd = temporaryFolder();
    const receiver = await startReceiver();
    const server = await startServer({ cwd });
    await server.api.tenant('acme');
    await server.api.destination('acme', { id: 'hook', url: receiver.url('/hook') });
    await server.api.publish({ tenant_id: 'acme', data: {} });

    const second = await runAngarium(['serve'], { cwd, env: serverEnv() });
    expect(second).toMatchObject({ code: 2, stdout: '' });
    expect(second.stderr).toBe(
      'angarium: another process is using ./data/angarium.db: stop it, or give this one another ANGARIUM_DATABASE_URL\n',
    );

    await server.api.publish({ tenant_id: 'acme', data: {} });
    await receiver.wait('/hook', 2);
    await server.stop();
    expect(receiver.hits('/hook')).toHaveLength(2);
  });

  it.each([
    {
      what: 'of a newer version',
      change: (path: string) => {
        const db = new DatabaseSync(path);
        db.exec('PRAGMA user_version = 999');
        db.close();
      },
      says: /^angarium: the database has schema version 999, .* start the newer Angarium\n$/,
    },
    {
      what: 'with a page of garbage in the middle',
      change: (path: string) => {
        const bytes = readFileSync(path);
        bytes.fill(0xa5, 8 * 4096, 9 * 4096);
        writeFileSync(path, bytes);
      },
      says: /^angarium: \.\/data\/angarium\.db is damaged: .*\n$/,
    },
    {
      what: 'that is none',
      change: (path: string) => writeFileSync(path, 'These are my notes.\n'.repeat(500)),
      says: /^angarium: \.\/data\/angarium\.db is not an SQLite database\n$/,
    },
  ])('$what is refused, and left as it is', async ({ change, says }) => {
    const cwd = temporaryFolder();
    const path = await makeDatabase(cwd);
    change(path);
    const before = readFileSync(path);
    const refused = await runAngarium(['serve'], { cwd, env: serverEnv() });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(says);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('whose encryption key is lost is refused, and opened when the key is back', async () => {
    const cwd = temporaryFolder();
    await makeDatabase(cwd);
    const keyFile = join(cwd, 'data', 'angarium.encryption-key');
    renameSync(keyFile, join(cwd, 'kept'));
    const refused = await runAngarium(['serve'], { cwd, env: serverEnv() });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^angarium: the database .* its encryption key does not.*\n$/);
    expect(refused.stderr).toContain('there is no data/angarium.encryption-key');
    expect(refused.stderr).toContain('ANGARIUM_ENCRYPTION_KEY');
    expect(existsSync(keyFile)).toBe(false);

    renameSync(join(cwd, 'kept'), keyFile);
    const server = await startServer({ cwd });
    expect(await server.api.ok('GET', '/api/v1/tenants/acme')).toMatchObject({ id: 'acme' });
    await server.stop();
  });

  it('in a folder that this user may not write is refused', async () => {
    // Root may write everywhere but here.
    const folder = process.getuid?.() === 0 ? '/proc' : temporaryFolder();
    if (folder !== '/proc') chmodSync(folder, 0o500);
    const cwd = temporaryFolder();
    const url = { ANGARIUM_DATABASE_URL: `sqlite:${folder}/angarium.db` };

    const noKeys = await runAngarium(['serve'], { cwd, env: url });
    expect(noKeys).toMatchObject({ code: 1, stdout: '' });
    expect(noKeys.stderr).toMatch(
      /^angarium: the key file .*angarium\.encryption-key cannot be made or read .*\n$/,
    );

    const key = Buffer.alloc(32, 1).toString('base64');
    const env = serverEnv({ ...url, ANGARIUM_ENCRYPTION_KEY: key });
    const noDatabase = await runAngarium(['serve'], { cwd, env });
    expect(noDatabase).toMatchObject({ code: 1, stdout: '' });
    expect(noDatabase.stderr).toMatch(/^angarium: cannot open .*angarium\.db: .*\n$/);
  });
});

describe('the command line', () => {
  it.each([
    { args: ['--help'], code: 0, stdout: /^Usage: angarium COMMAND/, stderr: /^$/ },
    { args: ['serve', '--help'], code: 0, stdout: /^Usage: angarium serve/, stderr: /^$/ },
    { args: ['--version'], code: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: /^$/ },
    {
      args: ['sevre'],
      code: 2,
      stdout: /^$/,
      stderr: /^angarium: there is no command "?sevre"?: .*angarium serve.*\n$/,
    },
  ])('angarium $args ends at once', async ({ args, code, stdout, stderr }) => {
    const cwd = temporaryFolder();
    const ended = await runAngarium(args, { cwd });
    expect(ended.code).toBe(code);
    expect(ended.stdout).toMatch(stdout);
    expect(ended.stderr).toMatch(stderr);
    expect(readdirSync(cwd)).toEqual([]);
  });
});

/** A database with something in it, which nobody uses; gives its path. */
async function makeDatabase(cwd: string): Promise<string> {
  const server = await startServer({ cwd });
  await server.api.tenant('acme');
  for (let number = 0; number < 10; number++)
    await server.api.publish({ tenant_id: 'acme', data: { text: 'x'.repeat(3000) } });
  await server.stop();
  return join(cwd, 'data', 'angarium.db');
}

async function takePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('it has no port');
  return address.port;
}
