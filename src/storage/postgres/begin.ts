/** With what transactions begin, each in one round trip. */
import { takeNumbers } from './write-session.ts';

export const BEGIN_READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED';

/**
 * So long a transaction that writes may wait for its node, in milliseconds; then the server ends it. What is legitimate is a
 * round trip and a turn of the node's thread (docs/decisions/041-who-holds-up-all.md).
 */
export const MAX_SILENCE_MS = 2000;
/**
 * The same within a statement of which a part has come: as much as a transaction may have to send (16 MiB) goes over 27
 * Mbit/s in that time. Ended by another node, and only if that waits for it (standstill.ts).
 */
export const MAX_STATEMENT_SILENCE_MS = 5000;
/**
 * So long what is done in order waits for the row of numbers, and then for each row that somebody else has locked, before it
 * looks who has it.
 */
export const MAX_WAIT_MS = 900;

const localSettings = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings)
    .map(([name, value]) => `set_config('${name}', '${value}', true)`)
    .join(', ');

// What is written is found row by row, by its key, and is in memory nearly always. A day begins with empty partitions: for
// as long as one is small, or was not analyzed, the planner would rather read all of it for each batch.
const BY_KEY = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_memoize: 'off',
  // The first of a lane is that of its index. Where tenants are many, the planner would rather sort all that the lane has had.
  enable_sort: 'off',
  random_page_cost: '1',
  // What a node has locked when it freezes or the way to it breaks is free again soon.
  idle_in_transaction_session_timeout: String(MAX_SILENCE_MS),
};
// Nor is an index read through, of which the plan may be kept: how many rows and entries are looked at is what counts, not on
// how few pages they lie as yet.
const BY_KEY_ALONE = {
  ...BY_KEY,
  cpu_tuple_cost: '1',
  cpu_index_tuple_cost: '1',
  random_page_cost: '0.01',
};

/** Beside all others. */
export const BEGIN_WRITE = `${BEGIN}; SELECT ${localSettings(BY_KEY)}`;

// Of the whole statement, since it may wait twice: for its turn to wait, and for who holds the row. `lock_timeout` is for each.
const IN_ORDER = `${BEGIN}; SET LOCAL statement_timeout = ${MAX_WAIT_MS}`;
const WAIT_NO_LONGER = { lock_timeout: String(MAX_WAIT_MS) };
const AS_BEFORE = 'SET LOCAL statement_timeout TO DEFAULT';

/** `numbers`: how many are taken, where it is known that nothing else is numbered in between. */
export function beginInOrder(numbers: number | null): string {
  const takes =
    numbers === null
      ? `SELECT ${localSettings({ ...BY_KEY, ...WAIT_NO_LONGER })} FROM numbers FOR UPDATE`
      : `${takeNumbers(numbers)}, ${localSettings({ ...BY_KEY_ALONE, ...WAIT_NO_LONGER })}`;
  return `${IN_ORDER}; ${takes}; ${AS_BEFORE}`;
}
