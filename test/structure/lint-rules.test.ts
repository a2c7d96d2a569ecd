/**
 * Every rule that words.md and style.md call held is held: for each one a file that breaks it, in a small
 * repository made for this test with this repository's settings, and what the tool must say about it.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Broken {
  rule: string;
  file: string;
  source: string;
  /** Part of the message. */
  says: string;
}

const HAND_OVER_PROFILES = 'Profiles are handed over';
const ONLY_CONFIG = 'Only src/config.ts reads the environment';

const broken: Broken[] = [
  // Import rules.
  {
    rule: 'domain imports nothing else of src',
    file: 'src/domain/reaches-out.ts',
    source: `import { publish } from '../engine/publish.ts';\nexport const x = publish;\n`,
    says: 'src/domain is plain types and pure functions',
  },
  {
    rule: 'domain imports no vendor library',
    file: 'src/domain/vendor.ts',
    source: `import { parse } from 'yaml';\nexport const x = parse;\n`,
    says: 'src/domain is plain types and pure functions',
  },
  {
    rule: 'domain imports of Node only crypto and buffer',
    file: 'src/domain/files.ts',
    source: `import { readFile } from 'node:fs/promises';\nexport const x = readFile;\n`,
    says: 'src/domain is plain types and pure functions',
  },
  {
    rule: 'the engine imports no storage driver',
    file: 'src/engine/storage-driver.ts',
    source: `import { open } from '../storage/sqlite/open.ts';\nexport const x = open;\n`,
    says: 'The engine knows only the two ports',
  },
  {
    rule: 'the engine imports no destination driver',
    file: 'src/engine/destination-driver.ts',
    source: `export { send as x } from '../destinations/webhook/send.ts';\nexport const y = 1;\n`,
    says: 'The engine knows only the two ports',
  },
  {
    rule: 'the engine does not import http',
    file: 'src/engine/calls-http.ts',
    source: `import { buildServer } from '../http/server.ts';\nexport const x = buildServer;\n`,
    says: 'The engine does not know who calls it',
  },
  {
    rule: 'the engine does not import cli',
    file: 'src/engine/calls-cli.ts',
    source: `import { serve } from '../cli/serve.ts';\nexport const x = serve;\n`,
    says: 'The engine does not know who calls it',
  },
  {
    rule: 'the engine imports no vendor library',
    file: 'src/engine/vendor.ts',
    source: `import { request } from 'undici';\nexport const x = request;\n`,
    says: 'The engine uses no vendor library',
  },
  {
    rule: 'the engine does not import profiles',
    file: 'src/engine/profile.ts',
    source: `import { standard } from '../profiles/standard.ts';\nexport const x = standard;\n`,
    says: HAND_OVER_PROFILES,
  },
  {
    rule: 'an outbox does not import http',
    file: 'src/outbox/calls-http.ts',
    source: `import { createOutboxDoor } from '../http/outbox-door.ts';\nexport const x = createOutboxDoor;\n`,
    says: 'An outbox is in another database than Angarium’s own',
  },
  {
    rule: 'an outbox knows nothing of the storage',
    file: 'src/outbox/storage-port.ts',
    source: `import { StorageOpenError } from '../storage/storage.ts';\nexport const x = StorageOpenError;\n`,
    says: 'An outbox is in another database than Angarium’s own',
  },
  {
    rule: 'http imports no driver',
    file: 'src/http/routes/driver.ts',
    source: `import { open } from '../../storage/postgres/open.ts';\nexport const x = open;\n`,
    says: 'Routes use the ports',
  },
  {
    rule: 'http does not import profiles',
    file: 'src/http/routes/profile.ts',
    source: `import { standard } from '../../profiles/standard.ts';\nexport const x = standard;\n`,
    says: HAND_OVER_PROFILES,
  },
  {
    rule: 'a driver does not import profiles',
    file: 'src/destinations/webhook/profile.ts',
    source: `import { standard } from '../../profiles/standard.ts';\nexport const x = standard;\n`,
    says: HAND_OVER_PROFILES,
  },
  {
    rule: 'a command does not import profiles',
    file: 'src/cli/profile.ts',
    source: `import { standard } from '../profiles/standard.ts';\nexport const x = standard;\n`,
    says: HAND_OVER_PROFILES,
  },
  {
    rule: 'mails know no routes',
    file: 'src/notifications/calls-http.ts',
    source: `import { buildServer } from '../http/server.ts';\nexport const x = buildServer;\n`,
    says: 'Notifications know the engine and the storage port alone',
  },
  {
    rule: 'mails know no driver',
    file: 'src/notifications/driver.ts',
    source: `import { open } from '../storage/sqlite/open.ts';\nexport const x = open;\n`,
    says: 'Notifications use the storage port',
  },
  {
    rule: 'mails do not import profiles',
    file: 'src/notifications/profile.ts',
    source: `import { standard } from '../profiles/standard.ts';\nexport const x = standard;\n`,
    says: 'Notifications know the engine and the storage port alone',
  },
  {
    rule: 'one storage driver does not import the other',
    file: 'src/storage/postgres/neighbour.ts',
    source: `import { open } from '../sqlite/open.ts';\nexport const x = open;\n`,
    says: 'One driver may not import another (src/storage/sqlite)',
  },
  {
    rule: 'one destination driver does not import another',
    file: 'src/destinations/aws-sqs/neighbour.ts',
    source: `import type { Send } from '../webhook/send.ts';\nexport type X = Send;\n`,
    says: 'One driver may not import another (src/destinations/webhook)',
  },
  {
    rule: 'a driver does not start the thread of another',
    file: 'src/destinations/aws-sqs/thread.ts',
    source: `export const x = new URL('../../storage/sqlite/write-thread.ts', import.meta.url);\n`,
    says: 'One driver may not import another (src/storage/sqlite)',
  },
  {
    rule: 'import() does not go round the rules',
    file: 'src/http/late.ts',
    source: `export const x = await import('../storage/sqlite/open.ts');\n`,
    says: 'import() hides a dependency from the rules',
  },
  {
    rule: 'the SDK does not import the server',
    file: 'sdk/src/reaches-out.ts',
    source: `import { sign } from '../../src/domain/sign.ts';\nexport const x = sign;\n`,
    says: 'The SDK is published alone',
  },
  {
    rule: 'the SDK does not import the package of the server',
    file: 'sdk/src/package.ts',
    source: `import { sign } from 'angarium';\nexport const x = sign;\n`,
    says: 'The SDK is published alone',
  },
  {
    rule: 'the SDK imports nothing of Node',
    file: 'sdk/src/node-only.ts',
    source: `import { createHmac } from 'node:crypto';\nexport const x = createHmac;\n`,
    says: 'The SDK runs wherever there is WebCrypto',
  },
  {
    rule: 'the SDK imports no package',
    file: 'sdk/src/vendor.ts',
    source: `import type { Hono } from 'hono';\nexport type X = Hono;\n`,
    says: 'The SDK runs wherever there is WebCrypto',
  },
  {
    rule: 'the SDK does not use Buffer',
    file: 'sdk/src/buffer.ts',
    source: `export const x = Buffer.from('x');\n`,
    says: 'The SDK runs in browsers and workers too: use Uint8Array',
  },
  {
    rule: 'the SDK does not use process',
    file: 'sdk/src/process.ts',
    source: `export const x = process.version;\n`,
    says: 'The SDK runs in browsers and workers too: take what you need',
  },
  {
    rule: 'the server does not use the SDK',
    file: 'src/http/verifies.ts',
    source: `import { verify } from '@angarium/sdk';\nexport const x = verify;\n`,
    says: 'The server does not use the SDK',
  },
  {
    rule: 'a command does not reach into the SDK',
    file: 'src/cli/reaches-into-sdk.ts',
    source: `import { verify } from '../../sdk/src/verify.ts';\nexport const x = verify;\n`,
    says: 'The server does not use the SDK',
  },
  {
    rule: 'the portal does not import the server',
    file: 'portal/src/reaches-out.tsx',
    source: `import type { Event } from '../../src/domain/event.ts';\nexport type X = Event;\n`,
    says: 'The portal knows the server only by its API',
  },
  {
    rule: 'no cycles',
    file: 'src/domain/hen.ts',
    source: `import { egg } from './egg.ts';\nexport const hen = (): unknown => egg;\n`,
    says: 'Dependency cycle detected',
  },
  {
    rule: 'no cycles of types either',
    file: 'src/domain/hen-type.ts',
    source: `import type { Egg } from './egg-type.ts';\nexport interface Hen {\n  egg: Egg;\n}\n`,
    says: 'Dependency cycle detected',
  },
  {
    rule: 'no barrels',
    file: 'src/destinations/all.ts',
    source: `export * from './webhook/send.ts';\nexport { open } from './webhook/open.ts';\n`,
    says: 'A barrel',
  },

  // Names and sizes.
  ...['utils', 'helpers', 'common', 'misc', 'shared', 'types'].flatMap((name): Broken[] => [
    {
      rule: `no file called ${name}`,
      file: `src/engine/${name}.ts`,
      source: 'export const x = 1;\n',
      says: `"${name}.ts" says nothing about what is in it`,
    },
    {
      rule: `no folder called ${name}`,
      file: `test/${name}/clock.ts`,
      source: 'export const x = 1;\n',
      says: `"${name}" says nothing about what is in it`,
    },
  ]),
  {
    rule: 'no file of helpers by another name',
    file: 'src/engine/string-utils.ts',
    source: 'export const x = 1;\n',
    says: '"string-utils.ts" says nothing about what is in it',
  },
  {
    rule: 'no file over 400 lines',
    file: 'src/engine/long.ts',
    source: `export const x = 1;\n${'// line\n'.repeat(400)}`,
    says: '401 lines, over 400',
  },

  // Hidden inputs.
  {
    rule: 'the environment is read in config.ts only',
    file: 'src/engine/environment.ts',
    source: `export const x = process.env['HOME'];\n`,
    says: ONLY_CONFIG,
  },
  {
    rule: 'the environment is not read by import either',
    file: 'src/cli/environment.ts',
    source: `import { env } from 'node:process';\nexport const x = env;\n`,
    says: ONLY_CONFIG,
  },
  {
    rule: 'the engine does not import the environment',
    file: 'src/engine/environment-import.ts',
    source: `import { env } from 'node:process';\nexport const x = env;\n`,
    says: ONLY_CONFIG,
  },
  {
    rule: 'routes do not import the environment',
    file: 'src/http/environment-import.ts',
    source: `import { env } from 'node:process';\nexport const x = env;\n`,
    says: ONLY_CONFIG,
  },
  {
    rule: 'no Date.now() outside the clock',
    file: 'src/engine/now.ts',
    source: 'export const x = Date.now();\n',
    says: 'Take a Clock',
  },
  {
    rule: 'no new Date() outside the clock',
    file: 'src/engine/today.ts',
    source: 'export const x = new Date();\n',
    says: 'Take a Clock',
  },
  {
    rule: 'no Math.random() outside ids',
    file: 'src/engine/dice.ts',
    source: 'export const x = Math.random();\n',
    says: 'Take the source of randomness as a parameter',
  },

  // The language.
  {
    rule: 'no any',
    file: 'src/engine/any.ts',
    source: 'export const x = (value: any): unknown => value;\n',
    says: 'Unexpected `any`',
  },
  {
    rule: 'no any that came from elsewhere',
    file: 'src/engine/parsed.ts',
    source: `export const x: string = JSON.parse('""');\n`,
    says: 'Unsafe assignment of an any value',
  },
  {
    rule: 'no non-null !',
    file: 'src/engine/non-null.ts',
    source: 'export const x = (value: string | null): string => value!;\n',
    says: 'Forbidden non-null assertion',
  },
  {
    rule: 'no floating promise',
    file: 'src/engine/floating.ts',
    source: 'export function x(): void {\n  Promise.resolve(1);\n}\n',
    says: 'Promises must be awaited',
  },
  {
    rule: 'nothing unused',
    file: 'src/engine/unused.ts',
    source: `import { join } from 'node:path';\nexport const x = 1;\n`,
    says: 'imported but never used',
  },
  {
    rule: 'const where nothing is assigned again',
    file: 'src/engine/let.ts',
    source: 'let y = 1;\nexport const x = (): number => y;\n',
    says: 'never reassigned',
  },
  {
    rule: 'no ==',
    file: 'src/engine/equal.ts',
    source: 'export const x = (a: unknown, b: unknown): boolean => a == b;\n',
    says: 'Expected === and instead saw ==',
  },
  {
    rule: 'exhaustive switches, default or not',
    file: 'src/engine/switch.ts',
    source: `export function x(status: 'pending' | 'failed'): number {
  switch (status) {
    case 'pending':
      return 1;
    default:
      return 2;
  }
}\n`,
    says: 'Switch is not exhaustive',
  },
  {
    rule: 'no enum',
    file: 'src/engine/enum.ts',
    source: 'export enum X {\n  A,\n}\n',
    says: 'erasableSyntaxOnly',
  },
  {
    rule: 'no namespace',
    file: 'src/engine/namespace.ts',
    source: 'export namespace X {\n  export const a = 1;\n}\n',
    says: 'erasableSyntaxOnly',
  },
  {
    rule: 'no mocks of our own code',
    file: 'test/engine/mock.test.ts',
    source: `import { vi } from 'vitest';\nvi.mock('../../src/engine/publish.ts');\n`,
    says: 'Our own code is never mocked',
  },
];

/** What looks alike and is allowed, or is only there to be imported. */
const allowed: Record<string, string> = {
  'src/main.ts': `
import { standard } from './profiles/standard.ts';
import { open } from './storage/sqlite/open.ts';
import { send } from './destinations/webhook/send.ts';
export const late = await import('./storage/postgres/open.ts');
export const all = [standard, open, send];
`,
  'src/config.ts': `export const home = process.env['HOME'];\n`,
  'src/domain/clock.ts': 'export const now = (): unknown[] => [Date.now(), new Date()];\n',
  'src/domain/id.ts': 'export const random = (): number => Math.random();\n',
  'src/domain/digest.ts': `
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { random } from './id.ts';
export const x = [Buffer, createHash, random, new Date(0)];
`,
  'src/domain/egg.ts': `import { hen } from './hen.ts';\nexport const egg = (): unknown => hen;\n`,
  'src/domain/egg-type.ts': `import type { Hen } from './hen-type.ts';\nexport interface Egg {\n  hen: Hen;\n}\n`,
  'src/domain/destination-types.ts': `export const names = ['webhook'];\n`,
  'src/profiles/standard.ts': `import { names } from '../domain/destination-types.ts';\nexport const standard = names;\n`,
  'src/storage/storage.ts': 'export interface Storage {\n  close(): void;\n}\n',
  'src/storage/sqlite/open.ts': `import type { Storage } from '../storage.ts';\nexport const open = (): Storage | null => null;\n`,
  'src/storage/postgres/open.ts': `export const open = (): null => null;\n`,
  'src/destinations/destination-type.ts': 'export type Send = () => void;\n',
  'src/destinations/webhook/send.ts': `
import { request } from 'undici';
import type { Send as Port } from '../destination-type.ts';
export type Send = Port;
export const send = request;
`,
  'src/engine/publish.ts': `
import { setTimeout as sleep } from 'node:timers/promises';
import type { Send } from '../destinations/destination-type.ts';
import { names } from '../domain/destination-types.ts';
import type { Storage } from '../storage/storage.ts';
export const publish = (send: Send, storage: Storage): unknown[] => [send, storage, sleep, names];
`,
  'src/http/routes/publish.ts': `
import { publish } from '../../engine/publish.ts';
import type { Storage } from '../../storage/storage.ts';
export const route = (storage: Storage): unknown[] => [publish, storage];
`,
  'sdk/src/index.ts': `export { verify } from './verify.ts';\n`,
  'sdk/src/verify.ts': 'export const verify = (): boolean => true;\n',
  'sdk/src/fastify.ts': `import { Readable } from 'node:stream';\nexport const x = Readable;\n`,
  'src/cli/verify.ts': `import { verify } from '@angarium/sdk';\nexport const x = verify;\n`,
  'portal/src/app.tsx': `import { verify } from '../../sdk/src/index.ts';\nexport const x = verify;\n`,
};

const repository = fileURLToPath(new URL('../../', import.meta.url));
let fixture = '';
let findings: string[] = [];

beforeAll(async () => {
  fixture = await realpath(await mkdtemp(join(tmpdir(), 'angarium-structure-')));
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) {
    await cp(join(repository, name), join(fixture, name));
  }
  await symlink(join(repository, 'node_modules'), join(fixture, 'node_modules'), 'junction');
  for (const { file, source } of broken) await put(file, source);
  for (const [file, source] of Object.entries(allowed)) await put(file, source.trimStart());

  findings = [...(await runOxlint()), ...(await runTypeScript()), ...(await runStructure())];
});

afterAll(async () => {
  if (fixture !== '') await rm(fixture, { recursive: true, force: true });
});

describe('a file that breaks a rule is reported, with a message that teaches', () => {
  it.each(broken)('$rule', ({ file, says }) => {
    expect(findings.filter((finding) => finding.startsWith(`${file}: `)).join('\n')).toContain(
      says,
    );
  });
});

describe('what only looks alike is left alone', () => {
  it.each(Object.keys(allowed).filter((file) => !file.includes('/egg')))('%s', (file) => {
    expect(findings.filter((finding) => finding.startsWith(`${file}: `))).toEqual([]);
  });
});

async function put(file: string, source: string): Promise<void> {
  await mkdir(dirname(join(fixture, file)), { recursive: true });
  await writeFile(join(fixture, file), source);
}

interface OxlintReport {
  diagnostics: { message: string; help?: string; filename: string }[];
}

async function runOxlint(): Promise<string[]> {
  const { stdout } = await run('oxlint/bin/oxlint', '--format', 'json');
  const report = JSON.parse(stdout) as OxlintReport;
  return report.diagnostics.map(({ filename, message, help }) => {
    return `${filename}: ${message} ${help ?? ''}`;
  });
}

/** Only what concerns the syntax: the files above need not make sense together. */
async function runTypeScript(): Promise<string[]> {
  const { stdout } = await run('typescript/bin/tsc', '--noEmit', '--pretty', 'false');
  return stdout
    .split('\n')
    .filter((line) => line.includes('TS1294'))
    .map((line) => line.replace(/\(\d+,\d+\): /, ': '));
}

async function runStructure(): Promise<string[]> {
  const { stderr } = await node(join(repository, 'scripts/check-structure.ts'), fixture);
  return stderr.split('\n').map((line) => line.replace(/:\d+: /, ': '));
}

function run(
  program: string,
  ...parameters: string[]
): Promise<{ stdout: string; stderr: string }> {
  return node(join(repository, 'node_modules', program), ...parameters);
}

/** All of them find something to say, so their exit codes say nothing. */
function node(...parameters: string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { cwd: fixture, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, parameters, options, (_error, stdout, stderr) => {
      resolve({ stdout, stderr });
    });
  });
}
