/** What goes between the process's main thread and the driver's threads. */
import { StorageOpenError, StorageUnavailableError } from '../storage.ts';
import type { DatabaseOptions } from './open.ts';

/** Handed to a thread at its start. */
export interface ThreadData {
  readonly database: DatabaseOptions;
}

export interface Call {
  readonly id: number;
  readonly name: string;
  readonly query: unknown;
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ErrorNote };

/** The first message of a thread. */
export type Opened = { readonly instanceMark: string } | { readonly error: ErrorNote };

/** An error, cut down to what survives the way between threads. */
export interface ErrorNote {
  readonly kind: 'unavailable' | 'other' | StorageOpenError['kind'];
  readonly message: string;
  readonly stack?: string | undefined;
}

export function noteOf(error: unknown): ErrorNote {
  if (error instanceof StorageUnavailableError)
    return { kind: 'unavailable', message: error.message };
  if (error instanceof StorageOpenError) return { kind: error.kind, message: error.message };
  if (error instanceof Error) return { kind: 'other', message: error.message, stack: error.stack };
  return { kind: 'other', message: String(error) };
}

export function errorOf(note: ErrorNote): Error {
  switch (note.kind) {
    case 'unavailable':
      return new StorageUnavailableError(note.message);
    case 'other': {
      const error = new Error(note.message);
      if (note.stack !== undefined) error.stack = note.stack;
      return error;
    }
    case 'held':
    case 'newer':
    case 'corrupt':
    case 'unreachable':
      return new StorageOpenError(note.kind, note.message);
  }
}
