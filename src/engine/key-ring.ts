/**
 * The operator's keys, held in memory, so that a request asks the storage nothing: look-up by the beginning of the
 * token, then its digest compared in constant time. After each change the ring is read again before the change is
 * answered, so that a revoked key opens nothing from then on.
 */
import { isKeyValid, isSameDigest, lookUpPrefix } from '../domain/api-key.ts';
import type { ApiKey } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { KeyUse } from '../storage/key-storage.ts';
import type { Storage } from '../storage/storage.ts';
import type { Service } from './service.ts';

/** A use is noted once in this time, whatever the traffic. */
const NOTE_EVERY_MS = 60_000;
const BETWEEN_WRITES_MS = 10_000;

export class KeyRing {
  readonly #storage: Storage;
  readonly #clock: Clock;
  #version = -1;
  #byPrefix: ReadonlyMap<string, readonly ApiKey[]> = new Map();
  /** When each key's use was noted last. */
  readonly #notedAtMs = new Map<string, number>();
  /** Noted, and not written yet. */
  #uses = new Map<string, number>();

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Reads the keys as they are now. Of several at the same moment, the newest counts. */
  async refresh(): Promise<void> {
    const { version, keys } = await this.#storage.keyRing();
    if (version < this.#version) return;
    this.#version = version;
    this.#byPrefix = Map.groupBy(keys, ({ prefix }) => prefix);
    const known = new Set(keys.map(({ id }) => id));
    for (const id of this.#notedAtMs.keys()) if (!known.has(id)) this.#notedAtMs.delete(id);
  }

  /** The key of a token, if it is good now. `digest`: the SHA-256 of the token. */
  find(token: string, digest: Uint8Array): ApiKey | null {
    const nowMs = this.#clock.nowMs();
    for (const key of this.#byPrefix.get(lookUpPrefix(token)) ?? []) {
      if (!isSameDigest(key.hash, digest)) continue;
      if (!isKeyValid(key, nowMs)) return null;
      this.#note(key, nowMs);
      return key;
    }
    return null;
  }

  /** Writes down which keys were used since the last time. */
  async writeUses(): Promise<void> {
    if (this.#uses.size === 0) return;
    const noted = this.#uses;
    this.#uses = new Map();
    const uses: KeyUse[] = [...noted].map(([id, atMs]) => ({ id, atMs }));
    await this.#storage.keysUsed({ uses });
  }

  #note({ id, lastUsedAtMs }: ApiKey, nowMs: number): void {
    const notedAtMs = this.#notedAtMs.get(id) ?? lastUsedAtMs;
    if (notedAtMs !== null && nowMs - notedAtMs < NOTE_EVERY_MS) return;
    this.#notedAtMs.set(id, nowMs);
    this.#uses.set(id, nowMs);
  }
}

export function createKeyUseWriter(keys: KeyRing): Service {
  return {
    name: 'writer of key uses',
    async poll() {
      await keys.writeUses();
      return BETWEEN_WRITES_MS;
    },
  };
}
