/** The guards over the store in memory, with a clock that the test moves. */
import { describe, expect, it } from 'vitest';
import { createMemoryStore, createOrderGuard, createReplayGuard } from '../../sdk/src/index.ts';
import type { ClaimResult, Claim, KeyStore } from '../../sdk/src/index.ts';

function clock() {
  let nowMs = 1_000_000;
  return { now: () => nowMs, advance: (ms: number) => (nowMs += ms) };
}

describe('the store in memory', () => {
  it('sets what is absent, and replaces what is as expected', async () => {
    const store = createMemoryStore();
    expect(await store.setIfAbsent('k', 'one', 1000)).toBeNull();
    expect(await store.setIfAbsent('k', 'two', 1000)).toBe('one');
    expect(await store.replace('k', 'two', 'three', 1000)).toBe(false);
    expect(await store.replace('k', 'one', 'three', 1000)).toBe(true);
    expect(await store.setIfAbsent('k', 'four', 1000)).toBe('three');
    expect(await store.replace('k', 'three', null, 0)).toBe(true);
    expect(await store.setIfAbsent('k', 'five', 1000)).toBeNull();
    expect(await store.replace('none', '', 'x', 1000)).toBe(false);
  });

  it('forgets at the end of the time that was given', async () => {
    const { now, advance } = clock();
    const store = createMemoryStore({ now });
    await store.setIfAbsent('k', 'one', 1000);
    advance(999);
    expect(await store.setIfAbsent('k', 'two', 1000)).toBe('one');
    advance(1);
    expect(await store.replace('k', 'one', 'x', 1000)).toBe(false);
    expect(await store.setIfAbsent('k', 'two', 1000)).toBeNull();
  });

  it('keeps no more than it may: the oldest goes', async () => {
    const store = createMemoryStore({ maxEntries: 2 });
    await store.setIfAbsent('a', '1', 1000);
    await store.setIfAbsent('b', '1', 1000);
    await store.replace('a', '1', '2', 1000);
    await store.setIfAbsent('c', '1', 1000);
    expect(await store.setIfAbsent('a', '3', 1000)).toBe('2');
    expect(await store.setIfAbsent('c', '3', 1000)).toBe('1');
    expect(await store.replace('b', '1', 'x', 1000)).toBe(false);
  });

  it('gives nothing up for an entry that it has already', async () => {
    const store = createMemoryStore({ maxEntries: 2 });
    await store.setIfAbsent('a', '1', 1000);
    await store.setIfAbsent('b', '1', 1000);
    await store.replace('b', '1', '2', 1000);
    expect(await store.setIfAbsent('a', '3', 1000)).toBe('1');
  });
});

describe('the replay guard', () => {
  it('handles a message once', async () => {
    const guard = createReplayGuard({ store: createMemoryStore() });
    let handled = 0;
    const handle = () => ++handled;
    expect(await guard.once('evt_1', handle)).toEqual({ state: 'handled', result: 1 });
    expect(await guard.once('evt_1', handle)).toEqual({ state: 'duplicate' });
    expect(await guard.once('evt_2', handle)).toEqual({ state: 'handled', result: 2 });
  });

  it('handles it again after it has failed', async () => {
    const guard = createReplayGuard({ store: createMemoryStore() });
    await expect(
      guard.once('evt_1', () => {
        throw new Error('the database is away');
      }),
    ).rejects.toThrow('the database is away');
    expect(await guard.once('evt_1', () => 'done')).toEqual({ state: 'handled', result: 'done' });
  });

  it('of many at the same moment, lets one through', async () => {
    const guard = createReplayGuard({ store: createMemoryStore() });
    const results = await Promise.all(Array.from({ length: 50 }, () => guard.claim('evt_1')));
    expect(results.filter(({ state }) => state === 'claimed')).toHaveLength(1);
    expect(results.filter(({ state }) => state === 'in_progress')).toHaveLength(49);
  });

  it('lets another process begin when the lease is over, and the first one ends nothing of its', async () => {
    const { now, advance } = clock();
    const guard = createReplayGuard({ store: createMemoryStore({ now }), leaseMs: 1000 });
    const first = claimed(await guard.claim('evt_1'));
    advance(999);
    expect(await guard.claim('evt_1')).toEqual({ state: 'in_progress' });
    advance(1);
    const second = claimed(await guard.claim('evt_1'));
    expect(await first.release()).toBe(false);
    expect(await first.confirm()).toBe(false);
    expect(await guard.claim('evt_1')).toEqual({ state: 'in_progress' });
    expect(await second.confirm()).toBe(true);
    expect(await guard.claim('evt_1')).toEqual({ state: 'duplicate' });
  });

  it('remembers for as long as it was told', async () => {
    const { now, advance } = clock();
    const guard = createReplayGuard({ store: createMemoryStore({ now }), ttlMs: 5000 });
    await guard.once('evt_1', () => {});
    advance(4999);
    expect(await guard.claim('evt_1')).toEqual({ state: 'duplicate' });
    advance(1);
    expect(await guard.claim('evt_1')).toMatchObject({ state: 'claimed' });
  });

  it('shares the store with others by its prefix', async () => {
    const store = createMemoryStore();
    const mine = createReplayGuard({ store, prefix: 'mine:' });
    const theirs = createReplayGuard({ store, prefix: 'theirs:' });
    await mine.once('evt_1', () => {});
    expect(await theirs.claim('evt_1')).toMatchObject({ state: 'claimed' });
  });
});

describe('the order guard', () => {
  const version = (a: number, b = 0, resource = 'room') => ({ resource, clock: { a, b } });

  it('lets newer versions through, and leaves out older ones and duplicates', async () => {
    const guard = createOrderGuard({ store: createMemoryStore() });
    const seen: number[] = [];
    const run = (a: number) =>
      guard.run(version(a), () => {
        seen.push(a);
        return a;
      });
    expect(await run(1)).toEqual({ relation: 'newer', result: 1 });
    expect(await run(3)).toEqual({ relation: 'newer', result: 3 });
    expect(await run(2)).toEqual({ relation: 'older' });
    expect(await run(3)).toEqual({ relation: 'duplicate' });
    expect(seen).toEqual([1, 3]);
  });

  it('says of concurrent ones that they are, and knows both afterwards', async () => {
    const guard = createOrderGuard({ store: createMemoryStore() });
    await guard.run(version(2, 1), () => {});
    expect(await guard.run(version(1, 2), (relation) => relation)).toEqual({
      relation: 'concurrent',
      result: 'concurrent',
    });
    expect(await guard.compare(version(2, 1))).toBe('older');
    expect(await guard.compare(version(2, 2))).toBe('duplicate');
    expect(await guard.compare(version(3, 2))).toBe('newer');
  });

  it('knows resources apart', async () => {
    const guard = createOrderGuard({ store: createMemoryStore() });
    await guard.advance(version(5));
    expect(await guard.compare(version(1, 0, 'other'))).toBe('newer');
  });

  it('handles a version again after it has failed', async () => {
    const guard = createOrderGuard({ store: createMemoryStore() });
    await expect(guard.run(version(1), () => Promise.reject(new Error('away')))).rejects.toThrow(
      'away',
    );
    expect(await guard.run(version(1), () => 'done')).toEqual({
      relation: 'newer',
      result: 'done',
    });
  });

  it('handles one version of a resource at a time, so that a slow older one does not end last', async () => {
    const guard = createOrderGuard({ store: createMemoryStore() });
    const order: string[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = guard.run(version(1), async () => {
      await held;
      order.push('first');
    });
    const next = guard.run(version(2), () => order.push('second'));
    const other = guard.run(version(1, 0, 'other'), () => order.push('other'));
    await other;
    release();
    await Promise.all([slow, next]);
    expect(order).toEqual(['other', 'first', 'second']);
  });

  it('loses no change when several processes advance at once', async () => {
    const store = slowStore(createMemoryStore());
    const guards = Array.from({ length: 5 }, () => createOrderGuard({ store }));
    await Promise.all(
      guards.map((guard, index) =>
        guard.advance({ resource: 'room', clock: { [`node-${index}`]: 1 } }),
      ),
    );
    const all = Object.fromEntries(guards.map((_, index) => [`node-${index}`, 1]));
    expect(await guards[0]?.compare({ resource: 'room', clock: all })).toBe('duplicate');
  });
});

function claimed(result: ClaimResult): Claim {
  if (result.state !== 'claimed') throw new Error(`the claim is ${result.state}`);
  return result;
}

/** Each operation takes its turn later, so that those of several processes mix. */
function slowStore(store: KeyStore): KeyStore {
  const later = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    async setIfAbsent(...given) {
      await later();
      return store.setIfAbsent(...given);
    },
    async replace(...given) {
      await later();
      return store.replace(...given);
    },
  };
}
