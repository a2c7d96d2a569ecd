/**
 * Access tokens, kept by credentials: whoever uses the same ones shares a token, and however many want one at the same
 * moment, it is fetched once. Before a token expires, the next one is fetched while the old one is still in use.
 */
import type { Clock } from '../../../domain/clock.ts';

export type TokenResult =
  | {
      readonly ok: true;
      readonly token: string;
      /** `null`: not said. */ readonly lifeMs: number | null;
    }
  /** One sentence for the tenant. */
  | { readonly ok: false; readonly detail: string };

type FetchToken = () => Promise<TokenResult>;

const MAX_ENTRIES = 10_000;
/** Of a token whose server does not say. A receiver that refuses it earlier has it renewed. */
const DEFAULT_LIFE_MS = 5 * 60_000;
const MAX_LIFE_MS = 24 * 60 * 60_000;
/** So long before its end a token is fetched anew, but not before nine tenths of its life. */
const AHEAD_MS = 60_000;
/** A failure counts for all who ask within this time: a token server that is in trouble is not asked for each message. */
const FAILURE_MS = 1000;

interface Entry {
  token: string | null;
  refreshAtMs: number;
  expiresAtMs: number;
  flight: Promise<TokenResult> | null;
  failure: { readonly result: TokenResult; readonly untilMs: number } | null;
}

export class TokenCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The token that is there and good, if any; it is fetched anew beside, where it soon ends. */
  kept(key: string, fetch: FetchToken): string | undefined {
    const entry = this.#entries.get(key);
    const nowMs = this.#clock.monotonicMs();
    if (entry === undefined || entry.token === null || nowMs >= entry.expiresAtMs) return undefined;
    if (nowMs >= entry.refreshAtMs) void this.#fetch(entry, fetch);
    return entry.token;
  }

  /** A token fetched now, by this call or one that is under way. Never rejects, if `fetch` does not. */
  fetched(key: string, fetch: FetchToken): Promise<TokenResult> {
    return this.#fetch(this.#entry(key), fetch);
  }

  /** Forgets the token, unless another one is there by now. */
  drop(key: string, token: string): void {
    const entry = this.#entries.get(key);
    if (entry?.token === token) entry.token = null;
  }

  /** The one that was made first goes when there are too many. */
  #entry(key: string): Entry {
    const found = this.#entries.get(key);
    if (found !== undefined) return found;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size >= MAX_ENTRIES) this.#entries.delete(oldest);
    const entry = { token: null, refreshAtMs: 0, expiresAtMs: 0, flight: null, failure: null };
    this.#entries.set(key, entry);
    return entry;
  }

  #fetch(entry: Entry, fetch: FetchToken): Promise<TokenResult> {
    if (entry.failure !== null && this.#clock.monotonicMs() < entry.failure.untilMs)
      return Promise.resolve(entry.failure.result);
    entry.flight ??= this.#land(entry, fetch());
    return entry.flight;
  }

  async #land(entry: Entry, flight: Promise<TokenResult>): Promise<TokenResult> {
    const result = await flight;
    const nowMs = this.#clock.monotonicMs();
    entry.flight = null;
    entry.failure = result.ok ? null : { result, untilMs: nowMs + FAILURE_MS };
    if (!result.ok) return result;
    const lifeMs = Math.min(result.lifeMs ?? DEFAULT_LIFE_MS, MAX_LIFE_MS);
    entry.token = result.token;
    entry.expiresAtMs = nowMs + lifeMs;
    entry.refreshAtMs = entry.expiresAtMs - Math.min(AHEAD_MS, lifeMs / 10);
    return result;
  }
}
