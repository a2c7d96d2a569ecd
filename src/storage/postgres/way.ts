/** How a transaction that writes goes about: with what it begins, and how it finds its rows. */
import { takeNumbers } from './write-session.ts';

const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED';
const localSettings = (settings: Record<string, string>) =>
  Object.entries(settings)
    .map(([name, value]) => `set_config('${name}', '${value}', true)`)
    .join(', ');
// What a node has locked when the way to it breaks is free again soon, without waiting for the network to say so.
const SETTINGS = localSettings({ idle_in_transaction_session_timeout: '10000' });
const SETTINGS_BY_KEY = `${SETTINGS}, ${localSettings({
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  // Each key is looked for once.
  enable_memoize: 'off',
  // An index may be read through as well: what counts is how many rows and entries are looked at, not on how few pages
  // they lie as yet.
  cpu_tuple_cost: '1',
  cpu_index_tuple_cost: '1',
  random_page_cost: '0.01',
})}`;

export interface Way {
  /**
   * Each statement finds its rows by whole keys, one by one: also while the planner takes a table for small that has grown
   * since it was looked at, and would read all of it. The statements are always the same ones, which are prepared.
   */
  readonly byKey: boolean;
  /** How many numbers are taken, where nothing else has to be numbered in between. */
  readonly numbers: number | null;
}

export const AS_PLANNED: Way = { byKey: false, numbers: null };
const settingsOf = ({ byKey }: Way) => (byKey ? SETTINGS_BY_KEY : SETTINGS);
export const beginBeside = (way: Way) => `${BEGIN}; SELECT ${settingsOf(way)}`;
/** In one round trip; with so many numbers, where it is known how many will be taken. */
export const beginInOrder = (way: Way) =>
  way.numbers === null
    ? `${BEGIN}; SELECT ${settingsOf(way)} FROM numbers FOR UPDATE`
    : `${BEGIN}; ${takeNumbers(way.numbers)}, ${settingsOf(way)}`;

/** Of several together. */
export function wayOfAll(ways: readonly Way[]): Way {
  let sum = 0;
  for (const { byKey, numbers } of ways) {
    if (numbers === null) return { byKey, numbers: null };
    sum += numbers;
  }
  return { byKey: true, numbers: sum };
}
