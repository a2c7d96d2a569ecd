/** API clients, held in memory as the operator's keys are (key-ring.ts): a change counts before it is answered. */
import { opens } from '../domain/api-client.ts';
import type { ApiClient } from '../domain/api-client.ts';
import { lookUpPrefix } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';

export class ClientRing {
  readonly #storage: Storage;
  readonly #clock: Clock;
  #version = -1;
  /** By the beginnings of their tokens, also of those before. */
  #byPrefix: ReadonlyMap<string, readonly ApiClient[]> = new Map();

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Reads them as they are now. Of several at the same moment, the newest counts. */
  async refresh(): Promise<void> {
    const { version, clients } = await this.#storage.clientRing();
    if (version < this.#version) return;
    this.#version = version;
    const byPrefix = new Map<string, ApiClient[]>();
    for (const client of clients) {
      const prefixes = [client.token.prefix, client.previousToken?.prefix];
      for (const prefix of new Set(prefixes))
        if (prefix !== undefined) byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), client]);
    }
    this.#byPrefix = byPrefix;
  }

  /** The client of a token, if it is good now. `digest`: the SHA-256 of the token. */
  find(token: string, digest: Uint8Array): ApiClient | null {
    const nowMs = this.#clock.nowMs();
    const candidates = this.#byPrefix.get(lookUpPrefix(token)) ?? [];
    return candidates.find((client) => opens(client, digest, nowMs)) ?? null;
  }
}
