/** `angarium keys reencrypt`: walks through all stored secrets by the API of the running server. */
import { parseArgs } from 'node:util';
import type { ApiClient } from './api-client.ts';
import { usageErrors } from './usage-error.ts';

interface Slice {
  readonly checked: number;
  readonly resealed: number;
  readonly under_other_keys: number;
  readonly next: string | null;
}

/** `say` gets a line for each slice and one at the end. Gives the exit code: 1 where some are under other keys still. */
export async function reencryptKeys(
  argv: readonly string[],
  client: ApiClient,
  say: (line: string) => void,
): Promise<0 | 1> {
  usageErrors(() => parseArgs({ args: [...argv], options: {} }));
  const total = { checked: 0, resealed: 0, underOtherKeys: 0 };
  let next: string | null = null;
  do {
    // The shape that the API's document says.
    const slice = JSON.parse(await client.call('POST', '/keys/reencrypt', { next })) as Slice;
    total.checked += slice.checked;
    total.resealed += slice.resealed;
    total.underOtherKeys += slice.under_other_keys;
    ({ next } = slice);
    if (next !== null && slice.checked > 0)
      say(`${total.checked} secrets checked, ${total.resealed} moved ...`);
  } while (next !== null);

  say(`${total.checked} secrets checked, ${total.resealed} moved to the first encryption key.`);
  if (total.underOtherKeys === 0) {
    say('All of them are under it: the other keys can be taken out of ANGARIUM_ENCRYPTION_KEY.');
    return 0;
  }
  say(
    `${total.underOtherKeys} are not, as none of the keys of the server opens them: add the key that does to ANGARIUM_ENCRYPTION_KEY, restart, and run this again; or set those destinations’ secrets anew.`,
  );
  return 1;
}
