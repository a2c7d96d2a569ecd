/** What PostgreSQL and the way to it refuse, in the words of the port (SQLSTATE: PostgreSQL manual, appendix A). */
import { DatabaseError } from 'pg';
import { describeTrouble } from '../../domain/postgres-trouble.ts';
import { StorageInDoubtError, StorageOpenError, StorageUnavailableError } from '../storage.ts';
import { SilenceError } from './pulse.ts';

/** Classes of what the medium refuses: it may pass. */
const UNAVAILABLE_CLASSES = new Set(['08', '53', '57', '58']);
/** Lock not available; a statement that took too long, nearly always since it waited for others. */
const HELD_UP_STATES = new Set(['55P03', '57014']);
/** Open for too long without a word from this node, or at all: the server has ended it, and the connection. */
const ENDED_STATES = new Set(['25P03', '25P04']);
/** Read-only (a standby after a failover), and the above. */
const UNAVAILABLE_STATES = new Set(['25006', ...HELD_UP_STATES, ...ENDED_STATES]);
/** Two transactions stood in each other's way; the same again may work. */
const CONFLICT_STATES = new Set(['40001', '40P01']);
const UNPREPARED_STATES = new Set(['26000', '42P05']);

/** A table, schema, function or the like of that name is there. */
const TAKEN_STATES = new Set(['42P07', '42P06', '42710', '42723']);
const NOT_ALLOWED = '42501';

/** What the medium refuses, as `StorageUnavailableError`; anything else as it is. */
export function explainRefusal(error: unknown): unknown {
  if (!isUnavailable(error)) return error;
  const held = isHeldUp(error) ? 'what is to be written waits for another one: ' : '';
  return new StorageUnavailableError(held + messageOf(error), { cause: error });
}

/** What broke the way to the server between a commit and its answer. */
export function explainDoubt(error: unknown): StorageInDoubtError {
  const reason = error instanceof Error ? messageOf(error) : String(error);
  return new StorageInDoubtError(`in the middle of a commit: ${reason}`, { cause: error });
}

/** What was begun and not committed may be tried again at once. */
export function isConflict(error: unknown): boolean {
  const state = stateOf(error) ?? '';
  return CONFLICT_STATES.has(state) || ENDED_STATES.has(state);
}

/** Somebody else has locked what was asked for: whoever asks next waits as long. */
export function isHeldUp(error: unknown): boolean {
  return HELD_UP_STATES.has(stateOf(error) ?? '');
}

/** Whether the server has ended the transaction: nothing of it was kept, whatever was sent to it meanwhile. */
export function isEnded(error: unknown): boolean {
  return ENDED_STATES.has(stateOf(error) ?? '');
}

/** A prepared statement is not there, or is there already: the connection leads now to one server process, now to another. */
export function isUnprepared(error: unknown): boolean {
  return UNPREPARED_STATES.has(stateOf(error) ?? '');
}

/** Whether the server has said what is wrong, and so still listens; else the connection is not to be used again. */
export function isAnswer(error: unknown): boolean {
  const state = stateOf(error);
  if (state === undefined || ENDED_STATES.has(state)) return false;
  return !state.startsWith('57P') && !state.startsWith('08');
}

function isUnavailable(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const state = stateOf(error);
  if (state !== undefined) {
    return (
      UNAVAILABLE_CLASSES.has(state.slice(0, 2)) ||
      UNAVAILABLE_STATES.has(state) ||
      CONFLICT_STATES.has(state)
    );
  }
  if (error instanceof SilenceError) return true;
  // Of the socket, of TLS, or of the client that waited in vain.
  return 'code' in error || /timeout|terminated|connection|closed/i.test(error.message);
}

/** What went wrong while the database was opened, as a `StorageOpenError`. */
export function explainOpening(error: unknown, place: string): unknown {
  if (error instanceof StorageOpenError || !(error instanceof Error)) return error;
  const cause = { cause: error };
  const state = stateOf(error);
  if (TAKEN_STATES.has(state ?? '')) {
    return new StorageOpenError(
      'corrupt',
      `${place} has tables of another program (${error.message}): give Angarium a schema of its own`,
      cause,
    );
  }
  if (state === NOT_ALLOWED) {
    return new StorageOpenError(
      'unreachable',
      `the role may not make tables in ${place} (${error.message}): it has to own its schema`,
      cause,
    );
  }
  return new StorageOpenError(
    'unreachable',
    `cannot open ${place}: ${describeTrouble(error)}`,
    cause,
  );
}

function stateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** A host with several addresses gives an error for each, and none of its own. */
function messageOf(error: Error): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors
      .map((each) => (each instanceof Error ? each.message : String(each)))
      .join('; ');
  return error.message;
}
