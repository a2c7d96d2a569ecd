import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { KeyFileError, resolveKeys } from '../../src/cli/key-file.ts';
import type { KeyRequest } from '../../src/cli/key-file.ts';
import { systemRandom } from '../../src/domain/id.ts';
import type { Random } from '../../src/domain/id.ts';

const GIVEN_API_KEY = '0123456789abcdef';
const GIVEN_KEYS = [new Uint8Array(32).fill(1)];

let root: string;
let folder: string;
let databasePath: string;
let apiKeyFile: string;
let encryptionKeyFile: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'angarium-keys-'));
  folder = join(root, 'new', 'data');
  databasePath = join(folder, 'angarium.db');
  apiKeyFile = join(folder, 'angarium.api-key');
  encryptionKeyFile = join(folder, 'angarium.encryption-key');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function resolve(request: Partial<KeyRequest> = {}) {
  return resolveKeys({
    apiKey: null,
    encryptionKeys: null,
    databasePath,
    random: systemRandom,
    ...request,
  });
}

function refusal(request: Partial<KeyRequest> = {}): string {
  try {
    resolve(request);
  } catch (error) {
    if (error instanceof KeyFileError) return error.message;
    throw error;
  }
  return 'it was not refused';
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

function place(path: string, content: string, mode = 0o600): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

describe('the first start', () => {
  it('makes both keys, each in a file of its own', () => {
    const { apiKey, encryptionKeys, generated, warnings } = resolve();
    expect(apiKey).toMatch(/^ak_[A-Za-z0-9_-]{32}$/);
    expect(encryptionKeys).toEqual([expect.objectContaining({ length: 32 })]);
    expect(generated).toEqual({ apiKeyFile, encryptionKeyFile });
    expect(warnings).toEqual([]);
    expect(readFileSync(apiKeyFile, 'utf8')).toBe(`${apiKey}\n`);
    expect(readFileSync(encryptionKeyFile, 'utf8')).toBe(
      `${Buffer.from(encryptionKeys[0] ?? []).toString('base64')}\n`,
    );
  });

  it('lets only its own user read them, in a folder of the same', () => {
    resolve();
    expect(modeOf(apiKeyFile)).toBe(0o600);
    expect(modeOf(encryptionKeyFile)).toBe(0o600);
    expect(modeOf(folder)).toBe(0o700);
  });

  it('leaves nothing else behind', () => {
    resolve();
    expect(readdirSync(folder).sort()).toEqual(['angarium.api-key', 'angarium.encryption-key']);
  });

  it('leaves the mode of a folder that was there', () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    resolve();
    expect(modeOf(folder)).toBe(0o755);
  });

  it('makes keys that differ from those of another installation', () => {
    const other = resolve({ databasePath: join(root, 'other', 'angarium.db') });
    const { apiKey, encryptionKeys } = resolve();
    expect(apiKey).not.toBe(other.apiKey);
    expect(encryptionKeys).not.toEqual(other.encryptionKeys);
  });

  it('takes the keys of another process that was faster by a moment', () => {
    let theirs: ReturnType<typeof resolve> | undefined;
    const random: Random = {
      ...systemRandom,
      bytes: (count) => {
        // Between our look at the files and our writing of them.
        theirs ??= resolve();
        return systemRandom.bytes(count);
      },
    };
    const ours = resolve({ random });
    expect(ours.apiKey).toBe(theirs?.apiKey);
    expect(ours.encryptionKeys).toEqual(theirs?.encryptionKeys);
    expect(ours.generated).toEqual({});
    expect(readdirSync(folder)).toHaveLength(2);
  });
});

describe('later starts', () => {
  it('read the same keys, and make none', () => {
    const first = resolve();
    writeFileSync(databasePath, 'data');
    const later = resolve();
    expect(later).toEqual({ ...first, generated: {} });
  });

  it('take what the operator wrote into the files: several keys, no or another line end', () => {
    const keys = [1, 2].map((value) => Buffer.alloc(32, value).toString('base64'));
    place(encryptionKeyFile, keys.join(','));
    place(apiKeyFile, `${GIVEN_API_KEY}\r\n`);
    const { apiKey, encryptionKeys } = resolve();
    expect(apiKey).toBe(GIVEN_API_KEY);
    expect(encryptionKeys).toEqual([new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]);
  });

  it('follow a link, as secrets are mounted', () => {
    place(join(root, 'secret'), GIVEN_API_KEY);
    symlinkSync(join(root, 'secret'), apiKeyFile);
    expect(resolve().apiKey).toBe(GIVEN_API_KEY);
  });

  it('make a new API key where its file is gone, as nothing is sealed with it', () => {
    const first = resolve();
    writeFileSync(databasePath, 'data');
    rmSync(apiKeyFile);
    const later = resolve();
    expect(later.apiKey).not.toBe(first.apiKey);
    expect(later.generated).toEqual({ apiKeyFile });
  });
});

describe('given keys', () => {
  it('are taken as they are, and no file or folder is made', () => {
    expect(resolve({ apiKey: GIVEN_API_KEY, encryptionKeys: GIVEN_KEYS })).toEqual({
      apiKey: GIVEN_API_KEY,
      encryptionKeys: GIVEN_KEYS,
      generated: {},
      warnings: [],
    });
    expect(existsSync(folder)).toBe(false);
  });

  it('go before the files, also before those that could not be used', () => {
    place(apiKeyFile, 'x', 0o644);
    place(encryptionKeyFile, 'x', 0o644);
    place(databasePath, 'data');
    const { warnings, ...keys } = resolve({ apiKey: GIVEN_API_KEY, encryptionKeys: GIVEN_KEYS });
    expect(keys).toMatchObject({ apiKey: GIVEN_API_KEY, encryptionKeys: GIVEN_KEYS });
    expect(warnings).toEqual([]);
  });

  it('may be only one of the two', () => {
    expect(resolve({ encryptionKeys: GIVEN_KEYS }).generated).toEqual({ apiKeyFile });
    expect(existsSync(encryptionKeyFile)).toBe(false);
  });
});

describe('a lost encryption key', () => {
  it.each(['angarium.db', 'angarium.db-wal'])(
    'is said, not replaced, while %s has data',
    (name) => {
      place(join(folder, name), 'data');
      expect(refusal()).toMatch(/the secrets in the database would be unreadable: restore/);
      expect(refusal()).toContain(encryptionKeyFile);
      expect(refusal()).toContain('ANGARIUM_ENCRYPTION_KEY');
      expect(readdirSync(folder)).toEqual([name]);
    },
  );

  it('is not guessed at where the database cannot be seen', () => {
    mkdirSync(folder, { recursive: true });
    symlinkSync(databasePath, databasePath);
    expect(refusal()).toMatch(/^whether there is a database .* cannot be seen \(ELOOP/);
    expect(existsSync(encryptionKeyFile)).toBe(false);
  });

  it('is not what an empty database file means', () => {
    place(databasePath, '');
    expect(resolve().generated).toEqual({ apiKeyFile, encryptionKeyFile });
  });
});

describe('a key file that is no good', () => {
  it.each([
    ['', 'only 0 characters'],
    ['short', 'only 5 characters'],
    [`${GIVEN_API_KEY}\nanother line\n`, 'not visible ASCII'],
  ])('is named: API key %j', (content, reason) => {
    place(apiKeyFile, content);
    expect(refusal({ encryptionKeys: GIVEN_KEYS })).toContain(
      `the key file ${apiKeyFile} holds no such key`,
    );
    expect(refusal({ encryptionKeys: GIVEN_KEYS })).toContain(reason);
    expect(readFileSync(apiKeyFile, 'utf8')).toBe(content);
  });

  it.each(['', 'SECRET', Buffer.alloc(16).toString('base64')])(
    'is named: encryption key %j',
    (content) => {
      place(encryptionKeyFile, content);
      expect(refusal()).toContain(`the key file ${encryptionKeyFile} holds no such key`);
      expect(refusal()).toContain('not the base64 of 32 bytes');
      expect(refusal()).not.toContain('SECRET');
    },
  );

  it('is named where it cannot be read', () => {
    mkdirSync(apiKeyFile, { recursive: true });
    expect(refusal({ encryptionKeys: GIVEN_KEYS })).toMatch(
      /the key file .*angarium\.api-key cannot be made or read \(EISDIR.*ANGARIUM_API_KEY/,
    );
  });

  it('is named where it cannot be made', () => {
    writeFileSync(join(root, 'new'), 'a file where the folder should be');
    expect(refusal()).toMatch(/the key file .*angarium\.encryption-key cannot be made or read/);
  });

  it.skipIf(process.platform === 'win32').each([0o640, 0o604, 0o644])(
    'is used with a warning where others can read it: %o',
    (mode) => {
      place(apiKeyFile, GIVEN_API_KEY, mode);
      const { apiKey, warnings } = resolve();
      expect(apiKey).toBe(GIVEN_API_KEY);
      expect(warnings).toEqual([
        `${apiKeyFile} is open to others (mode 0${mode.toString(8)}): run chmod 600 ${apiKeyFile}`,
      ]);
    },
  );
});
