/** The package as it is published: what is in it, and where it runs and compiles. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from '../support/e2e-process.ts';
import {
  AT_MS,
  CASES,
  createAsymmetricPair,
  EVENT_ID,
  messageOf,
} from '../support/sdk-messages.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';

const SDK = join(REPOSITORY, 'sdk');
const manifest = readManifest(SDK);
const subpaths = Object.entries(manifest.exports);

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

describe('the package', () => {
  it('depends on nothing', () => {
    for (const field of ['dependencies', 'peerDependencies', 'optionalDependencies', 'scripts'])
      expect(manifest).not.toHaveProperty(field);
  });

  it('has the version that the server takes along', () => {
    const server = readManifest(REPOSITORY);
    expect(server['dependencies']).toMatchObject({ '@angarium/sdk': manifest.version });
    expect(server['bundleDependencies']).toEqual(['@angarium/sdk']);
  });

  it('carries its JavaScript with declarations, the README and the licence, and little of it', () => {
    const { files, unpackedSize } = pack(SDK);
    const sources = readdirSync(join(SDK, 'src')).map((name) => name.replace('.ts', ''));
    expect(files.toSorted()).toEqual(
      [
        ...sources.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]),
        'LICENSE',
        'README.md',
        'package.json',
      ].toSorted(),
    );
    expect(unpackedSize).toBeLessThan(150_000);
  });

  it('comes with the package of the server, which no registry is asked for', () => {
    const { files } = pack(REPOSITORY);
    expect(files).toContain('node_modules/@angarium/sdk/dist/index.js');
    expect(files).toContain('node_modules/@angarium/sdk/package.json');
    expect(files.filter((path) => path.startsWith('node_modules/'))).toEqual(
      files.filter((path) => path.startsWith('node_modules/@angarium/sdk/')),
    );
  });

  it.each(subpaths)('has %s', async (_, file) => {
    const exported: object = await import(pathToFileURL(join(SDK, file)).href);
    expect(Object.keys(exported)).not.toEqual([]);
  });
});

describe('the core', () => {
  it('runs where there is nothing but WebCrypto', () => {
    const { publicKey, sign } = createAsymmetricPair();
    const messages = CASES.map(({ profile, secret }) => ({
      ...messageOf(profile),
      profile,
      secret,
      nowMs: AT_MS,
    }));
    const { headers, body } = messageOf('standard');
    const signature = sign(`${EVENT_ID}.${headers['webhook-timestamp'] ?? ''}.${body}`);
    const asymmetric = {
      profile: 'standard',
      headers: { ...headers, 'webhook-signature': `v1a,${signature}` },
      body,
      secret: publicKey,
      nowMs: AT_MS,
    };
    const script = fileURLToPath(new URL('../support/sdk-bare-context.js', import.meta.url));
    const said: unknown = JSON.parse(
      execFileSync(
        process.execPath,
        [
          '--experimental-vm-modules',
          '--no-warnings',
          script,
          pathToFileURL(join(SDK, 'dist/index.js')).href,
          JSON.stringify([...messages, asymmetric]),
        ],
        { encoding: 'utf8' },
      ),
    );
    expect(said).toEqual({
      results: [
        ...CASES.map(({ profile }) => [profile, true, 'handled']),
        ['standard', true, 'duplicate'],
      ],
      globals: ['undefined', 'undefined', 'undefined'],
    });
  });
});

describe('its declarations', () => {
  it('compile for a browser, without those of Node', () => {
    expect(
      compile(
        { lib: ['es2022', 'dom', 'dom.iterable'], types: [] },
        `import { createMemoryStore, createReplayGuard, verify, verifyHttpSignature } from '@angarium/sdk';
        import { createWebhookHandler } from '@angarium/sdk/fetch';
        import { verifyWebhook } from '@angarium/sdk/hono';
        export const guard = createReplayGuard({ store: createMemoryStore() });
        export const handler: (request: Request) => Promise<Response> = createWebhookHandler({
          profile: 'standard', secret: 's', guard, onWebhook: ({ id }) => id?.length,
        });
        export const middleware = verifyWebhook({ profile: 'baack', secret: ['a', 'b'] });
        const result = await verify('basekit', new Headers(), new Uint8Array(), 's');
        export const reason: string | null = result.ok ? result.id : result.reason;
        export const jwks = verifyHttpSignature(
          { method: 'POST', url: '/', headers: new Map(), body: '' }, { keys: { keys: [] } },
        );`,
      ),
    ).toBe('');
  });

  it('know the profiles and the reasons', () => {
    expect(
      compile(
        { lib: ['es2022', 'dom', 'dom.iterable'], types: [] },
        `import { verify } from '@angarium/sdk';
        export const x = await verify('nonsense', {}, '', 's');`,
      ),
    ).toContain(`'"nonsense"' is not assignable`);
  });
});

/** What would be packed. Nothing is built for it: the tests have done that, of what they need. */
function pack(folder: string): { files: string[]; unpackedSize: number } {
  const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const parsed = JSON.parse(text) as readonly Packed[] | Readonly<Record<string, Packed>>;
  const [packed] = Object.values(parsed);
  if (packed === undefined) throw new Error(`npm packs nothing: ${text}`);
  return { files: packed.files.map(({ path }) => path), unpackedSize: packed.unpackedSize };
}

interface Packed {
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** What the compiler has to say of a consumer in a folder of its own. */
function compile(options: object, source: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules/@angarium'), { recursive: true });
  symlinkSync(SDK, join(folder, 'node_modules/@angarium/sdk'), 'junction');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'index.ts'), source);
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        module: 'nodenext',
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        exactOptionalPropertyTypes: true,
        ...options,
      },
      include: ['index.ts'],
    }),
  );
  try {
    const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
    return execFileSync(process.execPath, [compiler, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    });
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) return String(error.stdout);
    throw error;
  }
}
