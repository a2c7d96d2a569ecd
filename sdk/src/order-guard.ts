/**
 * Updates of a resource in their order, though messages overtake each other: each carries the resource's vector clock, and
 * what is older than what was handled is left out.
 */
import type { KeyStore } from './key-store.ts';
import { compareClocks, mergeClocks, parseVectorClock } from './vector-clock.ts';
import type { ClockRelation, VectorClock } from './vector-clock.ts';
import type { ResourceVersion } from './verification.ts';

const DAY_MS = 86_400_000;

export interface OrderGuardOptions {
  readonly store: KeyStore;
  /** How long a resource's clock is remembered after its last update, in milliseconds; default 90 days. */
  readonly ttlMs?: number;
  /** Before each key in the store; default `clock:`. */
  readonly prefix?: string;
}

export type Ordered<Result> =
  | { readonly relation: 'newer' | 'concurrent'; readonly result: Result }
  | { readonly relation: 'older' | 'duplicate' };

export interface OrderGuard {
  /** How a version stands to all that were advanced to; a resource that is not known has an empty clock. */
  compare(version: ResourceVersion): Promise<ClockRelation>;
  /** Remembers the version, beside what is remembered already: afterwards it and all before it are known. */
  advance(version: ResourceVersion): Promise<void>;
  /**
   * Calls `handle` if the version is newer, or concurrent: then no message has the whole, and the resource has to be
   * read from its source. Advances when it has succeeded; what it throws is thrown on, and the next attempt is handled.
   *
   * One version of a resource at a time, in this process. Several processes can still write in the wrong order: there,
   * compare and write in one transaction of your own database.
   */
  run<Result>(
    version: ResourceVersion,
    handle: (relation: 'newer' | 'concurrent') => Result | Promise<Result>,
  ): Promise<Ordered<Result>>;
}

export function createOrderGuard(options: OrderGuardOptions): OrderGuard {
  const { store, ttlMs = 90 * DAY_MS, prefix = 'clock:' } = options;
  const turns = new Map<string, Promise<unknown>>();

  /** What is in the store, which gets an empty clock where it has none. */
  const read = async (key: string): Promise<{ text: string; clock: VectorClock }> => {
    const text = (await store.setIfAbsent(key, '{}', ttlMs)) ?? '{}';
    return { text, clock: parseVectorClock(JSON.parse(text)) ?? {} };
  };

  async function compare({ resource, clock }: ResourceVersion): Promise<ClockRelation> {
    const known = await read(prefix + resource);
    return compareClocks(clock, known.clock);
  }

  async function advance({ resource, clock }: ResourceVersion): Promise<void> {
    const key = prefix + resource;
    for (;;) {
      const known = await read(key);
      const merged = JSON.stringify(mergeClocks(known.clock, clock));
      // Not where another process was faster: then on top of its.
      if (await store.replace(key, known.text, merged, ttlMs)) return;
    }
  }

  /** After those that asked before for the same resource. */
  function inTurn<Result>(resource: string, work: () => Promise<Result>): Promise<Result> {
    const turn = (turns.get(resource) ?? Promise.resolve()).then(work, work);
    turns.set(resource, turn);
    const leave = () => {
      if (turns.get(resource) === turn) turns.delete(resource);
    };
    turn.then(leave, leave);
    return turn;
  }

  return {
    compare,
    advance,
    run: (version, handle) =>
      inTurn(version.resource, async () => {
        const relation = await compare(version);
        if (relation === 'older' || relation === 'duplicate') return { relation };
        const result = await handle(relation);
        await advance(version);
        return { relation, result };
      }),
  };
}
