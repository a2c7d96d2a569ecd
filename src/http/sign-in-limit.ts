/**
 * Failed sign-ins, counted by the address that they come from. Over the limit, an address is told to wait (429) instead
 * of what is wrong (401). A good credential always passes: behind one address there may be many, and one service with
 * an old key must not lock the others out. Guessing is no danger that a limit would have to end, as tokens have 256 bits
 * of chance: it keeps those at bay who try again and again, and says in the log who they are.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '../domain/clock.ts';

export const DEFAULT_MAX_FAILED_SIGN_INS = 20;
const WINDOW_MS = 60_000;
/** Addresses that are remembered; over it, the one that began longest ago is forgotten. */
const MAX_ADDRESSES = 10_000;

interface Window {
  readonly beganMs: number;
  failures: number;
}

export interface Failure {
  /** Seconds to wait; `null`: there was no limit yet. */
  readonly retryAfterS: number | null;
  /** This is the first one over the limit in its minute. */
  readonly isFirstOver: boolean;
}

export class SignInLimit {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #windows = new Map<string, Window>();

  /** `max`: failures of one address in a minute that are answered with 401. */
  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  failed(address: string): Failure {
    const nowMs = this.#clock.monotonicMs();
    const window = this.#window(networkOf(address), nowMs);
    window.failures++;
    const isOver = window.failures > this.#max;
    return {
      retryAfterS: isOver ? Math.ceil((window.beganMs + WINDOW_MS - nowMs) / 1000) : null,
      isFirstOver: window.failures === this.#max + 1,
    };
  }

  #window(network: string, nowMs: number): Window {
    const known = this.#windows.get(network);
    if (known !== undefined && nowMs - known.beganMs < WINDOW_MS) return known;
    this.#windows.delete(network);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size >= MAX_ADDRESSES && oldest !== undefined) this.#windows.delete(oldest);
    const window = { beganMs: nowMs, failures: 0 };
    this.#windows.set(network, window);
    return window;
  }
}

/** One machine has a whole /64 of IPv6 addresses to call from. */
function networkOf(address: string): string {
  if (!isIPv6(address) || /^::ffff:\d+\./i.test(address)) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return groups.slice(0, 4).join(':');
}
