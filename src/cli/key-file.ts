/**
 * The keys that the operator did not give: made on the first start, kept beside the database, read on later ones.
 *
 * A key is used only once it is on the disk for good: what is sealed under an encryption key that a power cut took
 * away is lost. So a key is written whole to a file of another name, synced, and then linked to its place; a link
 * fails where the place is taken, and so two processes that start at once end up with the same key.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseApiKey, parseEncryptionKeys } from '../config-values.ts';
import type { Parsed } from '../config-values.ts';
import type { Random } from '../domain/id.ts';
import { ENCRYPTION_KEY_BYTES } from '../domain/sealed-box.ts';

/** Three quarters of the 32 characters that they become. */
const API_KEY_BYTES = 24;

/** A key file cannot be made, read or understood; the message says which, and what to do. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

export interface KeyRequest {
  /** As configured; `null`: from the file. */
  readonly apiKey: string | null;
  readonly encryptionKeys: readonly Uint8Array[] | null;
  /** The files are in its folder, which is made (mode 0700) when missing; `null`: there is none, both keys are given. */
  readonly databasePath: string | null;
  readonly random: Random;
}

export interface ResolvedKeys {
  readonly apiKey: string;
  /** The current one first. */
  readonly encryptionKeys: readonly Uint8Array[];
  /** The files that this call made. */
  readonly generated: { readonly apiKeyFile?: string; readonly encryptionKeyFile?: string };
  /** A sentence each, for the operator: key files that others can read. */
  readonly warnings: readonly string[];
}

/**
 * The keys to run with. What is given is taken as it is, and its file is not touched.
 *
 * @throws KeyFileError also where the database has data but its encryption key is nowhere.
 */
export function resolveKeys(request: KeyRequest): ResolvedKeys {
  const { databasePath, random } = request;
  const warnings: string[] = [];
  const generated: { apiKeyFile?: string; encryptionKeyFile?: string } = {};

  let { encryptionKeys, apiKey } = request;
  if (apiKey !== null && encryptionKeys !== null)
    return { apiKey, encryptionKeys, generated, warnings };
  if (databasePath === null)
    throw new KeyFileError('give both ANGARIUM_API_KEY and ANGARIUM_ENCRYPTION_KEY');
  const folder = dirname(databasePath);
  if (encryptionKeys === null) {
    const path = join(folder, 'angarium.encryption-key');
    // In this order: another process that starts at this moment makes its key before its database.
    if (holdsData(databasePath) && !existsSync(path)) throw lostEncryptionKey(databasePath, path);
    const file: KeyFile<readonly Uint8Array[]> = {
      path,
      variable: 'ANGARIUM_ENCRYPTION_KEY',
      parse: parseEncryptionKeys,
      generate: () => Buffer.from(random.bytes(ENCRYPTION_KEY_BYTES)).toString('base64'),
    };
    const { key, created } = readOrCreate(file, random, warnings);
    if (created) generated.encryptionKeyFile = path;
    encryptionKeys = key;
  }
  if (apiKey === null) {
    const path = join(folder, 'angarium.api-key');
    const file: KeyFile<string> = {
      path,
      variable: 'ANGARIUM_API_KEY',
      parse: parseApiKey,
      generate: () => `ak_${Buffer.from(random.bytes(API_KEY_BYTES)).toString('base64url')}`,
    };
    const { key, created } = readOrCreate(file, random, warnings);
    if (created) generated.apiKeyFile = path;
    apiKey = key;
  }
  return { apiKey, encryptionKeys, generated, warnings };
}

interface KeyFile<T> {
  readonly path: string;
  /** What the operator may give instead. */
  readonly variable: string;
  readonly parse: (text: string) => Parsed<T>;
  readonly generate: () => string;
}

function readOrCreate<T>(
  file: KeyFile<T>,
  random: Random,
  warnings: string[],
): { readonly key: T; readonly created: boolean } {
  const { path, variable, parse, generate } = file;
  let created = false;
  let text: string;
  try {
    if (!existsSync(path)) created = create(path, `${generate()}\n`, random);
    const { mode } = statSync(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      warnings.push(`${path} is open to others (mode ${octal}): run chmod 600 ${path}`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new KeyFileError(
      `the key file ${path} cannot be made or read (${reasonOf(error)}): let this user do that, or give the key as ${variable}`,
      { cause: error },
    );
  }
  const parsed = parse(text.replace(/\r?\n$/, ''));
  if (parsed.ok) return { key: parsed.value, created };
  throw new KeyFileError(
    `the key file ${path} holds no such key; ${parsed.errors.join('; ')}. Restore the file, or give the key as ${variable}`,
  );
}

/** False where another process was faster: then the file is its. */
function create(path: string, content: string, random: Random): boolean {
  const folder = dirname(resolve(path));
  const firstMade = mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.${Buffer.from(random.bytes(6)).toString('hex')}.tmp`;
  writeNew(draft, content);
  try {
    linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // A file system without links. A crash in the middle leaves a file that the next start refuses; nothing was
    // sealed by then.
    writeNew(path, content);
  } finally {
    unlinkSync(draft);
  }
  syncFolders(folder, firstMade);
  return true;
}

/** Fails where the file exists; on the disk when it returns, and gone when it throws. */
function writeNew(path: string, content: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** The names, too, have to be on the disk: of the file in its folder, and of each new folder in the one above. */
function syncFolders(folder: string, firstMade: string | undefined): void {
  // Windows opens no folders.
  if (process.platform === 'win32') return;
  const last = firstMade === undefined ? folder : dirname(firstMade);
  for (let current = folder; ; current = dirname(current)) {
    const handle = openSync(current, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    if (current === last || current === dirname(current)) return;
  }
}

/** A crash soon after the first start may have left all of it in the log beside the file. */
function holdsData(databasePath: string): boolean {
  try {
    return [databasePath, `${databasePath}-wal`].some(
      (path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0,
    );
  } catch (error) {
    throw new KeyFileError(
      `whether there is a database ${databasePath} cannot be seen (${reasonOf(error)}): let this user read its folder`,
      { cause: error },
    );
  }
}

function lostEncryptionKey(databasePath: string, path: string): KeyFileError {
  return new KeyFileError(
    `the database ${databasePath} exists, but its encryption key does not: there is no ${path}, and ANGARIUM_ENCRYPTION_KEY is not given. With a new key the secrets in the database would be unreadable: restore that file, or give the key as ANGARIUM_ENCRYPTION_KEY`,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
