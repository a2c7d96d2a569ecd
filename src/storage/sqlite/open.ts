/**
 * Opens the database file: holds it for this process alone, looks whether it can be used before anything is written,
 * and brings its schema up to date.
 *
 * The hold is a second SQLite file, `<file>.lock`, under `BEGIN EXCLUSIVE`: the system gives such a lock up when the
 * process ends in whatever way, which a file with a process id in it does not survive.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StorageOpenError } from '../storage.ts';
import { migrate, refuseNewer } from './migrate.ts';

/** "Angm": marks the file as ours. */
const APPLICATION_ID = 0x416e_676d;
const SQLITE_MAGIC = 'SQLite format 3\0';
/** A larger file is not read through at the start; damage in it shows when the page is used. */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024;

export interface DatabaseOptions {
  /** A file, or `:memory:`. */
  readonly path: string;
  /** Refuses to grow past this; `null`: as far as the disk goes. */
  readonly maxBytes: number | null;
}

export interface OpenDatabase {
  readonly db: DatabaseSync;
  close(): void;
}

/** The writer's connection. Throws `StorageOpenError`. */
export function openDatabase(options: DatabaseOptions): OpenDatabase {
  if (options.path === ':memory:') {
    const db = new DatabaseSync(options.path);
    migrate(db);
    return { db, close: () => db.close() };
  }
  const lock = hold(options.path);
  try {
    inspect(options.path);
    const db = openForWriting(options);
    return {
      db,
      close: () => {
        try {
          db.close();
        } finally {
          lock.close();
        }
      },
    };
  } catch (error) {
    lock.close();
    throw explainOpening(error, options.path);
  }
}

/** Holds an existing file against every server, and reads it. Throws `StorageOpenError`. */
export function openForCopying(path: string): OpenDatabase {
  if (!existsSync(path)) throw new StorageOpenError('unreachable', `there is no file ${path}`);
  const lock = hold(path);
  try {
    inspect(path);
    const db = openForReading(path);
    return {
      db,
      close: () => {
        db.close();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw explainOpening(error, path);
  }
}

function openForWriting(options: DatabaseOptions): DatabaseSync {
  const db = new DatabaseSync(options.path);
  try {
    configure(db, options);
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The reader's connection; the writer has opened the file before. */
export function openForReading(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true });
  db.exec('PRAGMA cache_size = -16384; PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY');
  return db;
}

function hold(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const lock = new DatabaseSync(`${path}.lock`);
    try {
      lock.exec('BEGIN EXCLUSIVE');
      return lock;
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (error) {
    if (isSqliteError(error, SQLITE_BUSY)) {
      throw new StorageOpenError(
        'held',
        `another process is using ${path}: stop it, or give this one another ANGARIUM_DATABASE_URL`,
        { cause: error },
      );
    }
    throw explainOpening(error, path);
  }
}

/** Looks without writing a byte. */
function inspect(path: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  if (readHead(path) !== SQLITE_MAGIC)
    throw new StorageOpenError('corrupt', `${path} is not an SQLite database`);
  if (existsSync(`${path}-journal`)) rollBack(path);
  const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const id = db.prepare('PRAGMA application_id').get()?.['application_id'];
    const tables = Number(
      db.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'],
    );
    if (id !== APPLICATION_ID && tables > 0) {
      throw new StorageOpenError('corrupt', `${path} is a database of another program`);
    }
    refuseNewer(db);
    // What a checkpoint was at when the power went is made whole from the log; without one, nothing may be missing.
    if (!hasLog && statSync(path).size < databaseBytes(db))
      throw new StorageOpenError('corrupt', `${path} is damaged: its end is missing`);
    if (statSync(path).size <= MAX_CHECKED_BYTES) {
      const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
      if (verdict !== 'ok')
        throw new StorageOpenError('corrupt', `${path} is damaged: ${String(verdict)}`);
    }
  } finally {
    db.close();
  }
}

/**
 * A process was killed in the very first transactions, before the database had its log: what it had begun is taken back,
 * which a connection that only reads cannot do.
 */
function rollBack(path: string): void {
  const db = new DatabaseSync(path);
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
  db.close();
}

function databaseBytes(db: DatabaseSync): number {
  const pages = Number(db.prepare('PRAGMA page_count').get()?.['page_count']);
  return pages * Number(db.prepare('PRAGMA page_size').get()?.['page_size']);
}

function configure(db: DatabaseSync, { maxBytes }: DatabaseOptions): void {
  // auto_vacuum has to come before the first table; the rest holds for this connection only.
  db.exec(`
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA cache_size = -65536;
    PRAGMA temp_store = MEMORY;
    PRAGMA busy_timeout = 5000;
    PRAGMA application_id = ${APPLICATION_ID};
  `);
  if (maxBytes !== null) {
    const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.['page_size']);
    db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
  }
}

function readHead(path: string): string {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(SQLITE_MAGIC.length);
    readSync(file, head, 0, head.length, 0);
    return head.toString('latin1');
  } finally {
    closeSync(file);
  }
}

/** What went wrong while a database was opened, as a `StorageOpenError`. */
export function explainOpening(error: unknown, path: string): unknown {
  if (isSqliteError(error, SQLITE_CORRUPT) || isSqliteError(error, SQLITE_NOTADB)) {
    return new StorageOpenError('corrupt', `${path} is damaged: ${error.message}`, {
      cause: error,
    });
  }
  if (error instanceof Error && !(error instanceof StorageOpenError)) {
    return new StorageOpenError('unreachable', `cannot open ${path}: ${error.message}`, {
      cause: error,
    });
  }
  return error;
}

// ── Result codes of SQLite (sqlite.org/rescode.html) ─────────────────────────────────────────────────────────────

const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** The medium refused: not our mistake, and it may pass. */
export function isUnavailable(error: unknown): error is Error {
  return [SQLITE_BUSY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN].some((code) =>
    isSqliteError(error, code),
  );
}

function isSqliteError(error: unknown, code: number): error is Error {
  // The low byte is the primary code; `errcode` may carry an extended one.
  return (
    error instanceof Error &&
    'errcode' in error &&
    typeof error.errcode === 'number' &&
    (error.errcode & 0xff) === code
  );
}
