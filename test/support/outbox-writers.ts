/** Applications that publish in transactions of their own for as long as they are told to, whatever their database does. */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { publishIn } from './outbox-application.ts';
import type { SeededRandom } from './simulated-random.ts';

const RECONNECT_MS = 20;

export class OutboxWriters {
  /** Of transactions whose commit was answered. */
  readonly committed = new Set<string>();
  /** Of transactions whose commit had no answer. */
  readonly unknown = new Set<string>();
  /** Of transactions that were rolled back, or cut off before their commit. */
  readonly undone = new Set<string>();
  readonly #url: string;
  readonly #tenant: string;
  readonly #random: SeededRandom;
  #isStopping = false;

  constructor(url: string, tenant: string, random: SeededRandom) {
    this.#url = url;
    this.#tenant = tenant;
    this.#random = random;
  }

  /** Resolves when the last of them has stopped. */
  async run(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, writer) => this.#write(`w${writer}`)));
  }

  stop(): void {
    this.#isStopping = true;
  }

  async #write(name: string): Promise<void> {
    let number = 0;
    while (!this.#isStopping) {
      const client = new pg.Client({ connectionString: this.#url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!this.#isStopping) {
          const first = number;
          number += this.#random.int(1, 3);
          const ids = Array.from(
            { length: number - first },
            (_, index) => `${name}-${String(first + index).padStart(6, '0')}`,
          );
          await this.#transaction(client, ids);
        }
      } catch {
        await pause(RECONNECT_MS);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  async #transaction(client: pg.Client, ids: readonly string[]): Promise<void> {
    const put = (set: Set<string>) => ids.forEach((id) => set.add(id));
    try {
      await client.query('BEGIN');
      for (const id of ids) await publishIn(client, 'angarium', { tenant: this.#tenant, id });
      await pause(this.#random.int(0, 25));
      if (this.#random.chance(0.1)) {
        await client.query('ROLLBACK');
        put(this.undone);
        return;
      }
    } catch (error) {
      put(this.undone);
      throw error;
    }
    try {
      await client.query('COMMIT');
      put(this.committed);
    } catch (error) {
      put(this.unknown);
      throw error;
    }
  }
}
