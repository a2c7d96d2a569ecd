/**
 * Each message handled once, though it comes several times: because an answer was lost, or because somebody sends again
 * what he caught.
 *
 * A message is marked before it is handled and confirmed after it. When handling fails the mark is taken off, so that the
 * sender's next attempt is handled. The mark of a process that died ends by itself.
 */
import type { KeyStore } from './key-store.ts';

const DAY_MS = 86_400_000;
const DONE = 'done';

export interface ReplayGuardOptions {
  readonly store: KeyStore;
  /**
   * How long a handled message is remembered, in milliseconds; default 7 days. Longer than the sender goes on trying:
   * the profile `standard` does for three days.
   */
  readonly ttlMs?: number;
  /** How long handling may take before another process may start it, in milliseconds; default 60 s. */
  readonly leaseMs?: number;
  /** Before each key in the store; default `webhook:`. */
  readonly prefix?: string;
}

/** A message that is to be handled now. Call one of the two, once. */
export interface Claim {
  readonly state: 'claimed';
  /** It was handled: from now on it is a duplicate. False where the lease had ended before, and somebody else has it. */
  confirm(): Promise<boolean>;
  /** It was not: the next attempt shall be handled. */
  release(): Promise<boolean>;
}

export type ClaimResult =
  | Claim
  /** It was handled before. */
  | { readonly state: 'duplicate' }
  /** It is being handled at this moment, and may yet fail: the sender shall come again. */
  | { readonly state: 'in_progress' };

export type Once<Result> =
  | { readonly state: 'handled'; readonly result: Result }
  | { readonly state: 'duplicate' }
  | { readonly state: 'in_progress' };

export interface ReplayGuard {
  claim(id: string): Promise<ClaimResult>;
  /** Calls `handle` if the message is new; what it throws is thrown on, after the mark was taken off. */
  once<Result>(id: string, handle: () => Result | Promise<Result>): Promise<Once<Result>>;
}

export function createReplayGuard(options: ReplayGuardOptions): ReplayGuard {
  const { store, ttlMs = 7 * DAY_MS, leaseMs = 60_000, prefix = 'webhook:' } = options;

  async function claim(id: string): Promise<ClaimResult> {
    const key = prefix + id;
    // Its own, so that who lost the lease takes off nobody else's mark.
    const mark = `claimed:${randomHex()}`;
    const there = await store.setIfAbsent(key, mark, leaseMs);
    if (there !== null) return { state: there === DONE ? 'duplicate' : 'in_progress' };
    return {
      state: 'claimed',
      confirm: () => store.replace(key, mark, DONE, ttlMs),
      release: () => store.replace(key, mark, null, 0),
    };
  }

  return {
    claim,
    async once(id, handle) {
      const claimed = await claim(id);
      if (claimed.state !== 'claimed') return claimed;
      let result;
      try {
        result = await handle();
      } catch (error) {
        await claimed.release();
        throw error;
      }
      await claimed.confirm();
      return { state: 'handled', result };
    },
  };
}

function randomHex(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
