/** Publishers that publish, singly and in batches, to several tenants, until their server does not answer any more. */
import { expect } from 'vitest';
import type { Api, Published } from './e2e-api.ts';
import type { SeededRandom } from './simulated-random.ts';

const SINGLE_PUBLISHERS = 8;
const BATCH_PUBLISHERS = 2;
const MAX_BATCH = 40;
const MAX_TEXT = 800;

export class Load {
  /** The tenant of each event that was answered with 202. */
  readonly acknowledged = new Map<string, string>();
  /** Events that were sent and had no answer: they may arrive or not. */
  unanswered = 0;
  readonly #tenants: readonly string[];
  readonly #random: SeededRandom;
  #lastNumber = 0;

  constructor(tenants: readonly string[], random: SeededRandom) {
    this.#tenants = tenants;
    this.#random = random;
  }

  /** Resolves when the last publisher has given up. */
  async run(api: Api): Promise<void> {
    const single = () => this.#publish(api, '/api/v1/publish', 1);
    const batch = () => this.#publish(api, '/api/v1/publish/batch', this.#random.int(1, MAX_BATCH));
    await Promise.all([
      ...Array.from({ length: SINGLE_PUBLISHERS }, () => untilFalse(single)),
      ...Array.from({ length: BATCH_PUBLISHERS }, () => untilFalse(batch)),
    ]);
  }

  /** `false`: no answer came, or the server said that it is closing. */
  async #publish(api: Api, path: string, count: number): Promise<boolean> {
    const events = Array.from({ length: count }, () => this.#event());
    const isBatch = path.endsWith('batch');
    const answer = await api.send('POST', path, isBatch ? { events } : events[0]).catch(() => null);
    if (answer === null) {
      this.unanswered += count;
      return false;
    }
    if (answer.status === 503) return false;
    expect(answer.status).toBe(202);
    const results = isBatch ? (answer.body as { results: Published[] }).results : [answer.body];
    expect(results).toHaveLength(count);
    expect(results).toEqual(
      results.map(() => expect.objectContaining({ id: expect.any(String), duplicate: false })),
    );
    for (const [index, { id }] of (results as Published[]).entries())
      this.acknowledged.set(id, events[index]?.tenant_id ?? '');
    return true;
  }

  /** Every other one has an id of the publisher's. */
  #event() {
    const number = ++this.#lastNumber;
    const event = {
      tenant_id: this.#random.pick(this.#tenants),
      topic: 'order.placed',
      data: { number, text: 'x'.repeat(this.#random.int(0, MAX_TEXT)) },
    };
    return number % 2 === 0 ? { ...event, id: `order-${number}` } : event;
  }
}

async function untilFalse(work: () => Promise<boolean>): Promise<void> {
  while (await work());
}
