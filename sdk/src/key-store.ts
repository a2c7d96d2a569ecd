/**
 * Where guards remember: a port with two operations, so that Redis, a table or anything with an atomic
 * compare-and-set can be behind it. The one here is for a single process.
 */

/**
 * Small texts under keys, each with an end. Both operations have to be atomic over all processes that share the store.
 *
 * In Redis 7: `SET key value NX GET PX ttl`, and a script of two lines (docs/guides/receiving.md has both).
 */
export interface KeyStore {
  /**
   * Sets the key where it has no value.
   *
   * @returns `null` where it was set, else the value that is there.
   */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<string | null>;
  /**
   * Gives the key another value, or with `null` none, if it has the expected one.
   *
   * @returns whether it had.
   */
  replace(key: string, expected: string, value: string | null, ttlMs: number): Promise<boolean>;
}

export interface MemoryStoreOptions {
  /** Beyond it the oldest entry is forgotten; default 100,000. */
  readonly maxEntries?: number;
  /** Milliseconds since 1970; default the machine's clock. */
  readonly now?: () => number;
}

interface Entry {
  readonly value: string;
  readonly endMs: number;
}

/** Lost with the process, and not seen by others. */
export function createMemoryStore(options: MemoryStoreOptions = {}): KeyStore {
  const { maxEntries = 100_000, now = Date.now } = options;
  // In the order of their last change.
  const entries = new Map<string, Entry>();

  const find = (key: string): string | null => {
    const entry = entries.get(key);
    if (entry === undefined) return null;
    if (entry.endMs > now()) return entry.value;
    entries.delete(key);
    return null;
  };
  const put = (key: string, value: string, ttlMs: number) => {
    entries.delete(key);
    const [oldest] = entries.keys();
    if (oldest !== undefined && entries.size >= maxEntries) entries.delete(oldest);
    entries.set(key, { value, endMs: now() + ttlMs });
  };

  return {
    async setIfAbsent(key, value, ttlMs) {
      const there = find(key);
      if (there === null) put(key, value, ttlMs);
      return there;
    },
    async replace(key, expected, value, ttlMs) {
      if (find(key) !== expected) return false;
      if (value === null) entries.delete(key);
      else put(key, value, ttlMs);
      return true;
    },
  };
}
