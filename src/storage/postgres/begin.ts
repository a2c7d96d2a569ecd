/** With what transactions begin, each in one round trip. */
import { takeNumbers } from './write-session.ts';

export const BEGIN_READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED';

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
  random_page_cost: '1',
  // What a node has locked when the way to it breaks is free again soon: the server does not wait for the network to say so.
  idle_in_transaction_session_timeout: '10000',
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

/** `numbers`: how many are taken, where it is known that nothing else is numbered in between. */
export function beginInOrder(numbers: number | null): string {
  if (numbers === null) return `${BEGIN}; SELECT ${localSettings(BY_KEY)} FROM numbers FOR UPDATE`;
  return `${BEGIN}; ${takeNumbers(numbers)}, ${localSettings(BY_KEY_ALONE)}`;
}
