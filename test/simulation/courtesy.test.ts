/** Who publishes more than is stored at once, and whom he lets go first. On the injected clock. */
import { describe, expect, test } from 'vitest';

import { Courtesy } from '../../src/engine/courtesy.ts';
import { Stage } from './stage.ts';

const OK = { kind: 'ok', latencyMs: 5 } as const;
const MANY = 1000;

/** How many a crowding tenant's publishes may go on in that time, looked at every 2 ms; others publish at `othersPerMs`. */
function goneIn(
  spanMs: number,
  { utilization, othersPerMs }: { utilization: number; othersPerMs: number },
): number {
  const courtesy = new Courtesy(() => utilization);
  let gone = 0;
  for (let nowMs = 0; nowMs < spanMs; nowMs += 2) {
    for (let other = 0; other < 2 * othersPerMs; other++) courtesy.published('other', 0, nowMs);
    courtesy.published('crowding', MANY, nowMs);
    while (gone < MANY * spanMs && !courtesy.mustWait('crowding', nowMs)) gone++;
  }
  return gone;
}

describe('a tenant that crowds', () => {
  test('does not wait while he is alone', () => {
    const courtesy = new Courtesy(() => 1);
    for (let count = 0; count < MANY; count++) {
      courtesy.published('crowding', count, 0);
      expect(courtesy.mustWait('crowding', 0)).toBe(false);
    }
  });

  test('does not wait for another one that crowds', () => {
    const courtesy = new Courtesy(() => 1);
    for (let count = 0; count < MANY; count++)
      for (const tenantId of ['one', 'other']) courtesy.published(tenantId, count, count / 100);
    expect(courtesy.mustWait('one', 10)).toBe(false);
    expect(courtesy.mustWait('other', 10)).toBe(false);
  });

  test('lets a tenant go first who does not, and never makes him wait', () => {
    const courtesy = new Courtesy(() => 1);
    courtesy.published('crowding', MANY, 0);
    courtesy.published('other', 0, 0);
    expect(courtesy.mustWait('other', 0)).toBe(false);
    expect(courtesy.mustWait('crowding', 0)).toBe(false);
    let left = 0;
    while (!courtesy.mustWait('crowding', 0)) left++;
    expect(left).toBeLessThan(20);
  });

  test('has the whole thread again half a second after the others have left', () => {
    const courtesy = new Courtesy(() => 1);
    courtesy.published('other', 0, 0);
    for (let nowMs = 0; nowMs < 500; nowMs += 2) {
      courtesy.published('crowding', MANY, nowMs);
      while (!courtesy.mustWait('crowding', nowMs));
    }
    courtesy.published('crowding', MANY, 500);
    for (let count = 0; count < MANY; count++)
      expect(courtesy.mustWait('crowding', 500)).toBe(false);
  });

  test('who publishes no more is let through no faster: what waits of him does not go all at once', () => {
    const courtesy = new Courtesy(() => 1);
    courtesy.published('crowding', MANY, 0);
    let gone = 0;
    for (let nowMs = 0; nowMs < 5000; nowMs += 2) {
      courtesy.published('other', 0, nowMs);
      while (gone < MANY * MANY && !courtesy.mustWait('crowding', nowMs)) gone++;
    }
    expect(gone).toBeGreaterThan(1000);
    expect(gone).toBeLessThan(5000);
  });

  test('goes faster and faster where the thread is idle, and slower where it is busy', () => {
    const idle = goneIn(2000, { utilization: 0.3, othersPerMs: 1 });
    const busy = goneIn(2000, { utilization: 1, othersPerMs: 1 });
    expect(idle).toBeGreaterThan(20 * busy);
  });

  test('goes as fast as all others together at least', () => {
    const gone = goneIn(2000, { utilization: 1, othersPerMs: 3 });
    expect(gone).toBeGreaterThan(0.9 * 3 * 2000);
    expect(gone).toBeLessThan(1.1 * 3 * 2000);
  });
});

describe('beside a tenant that floods a busy process', () => {
  test('others are committed at once, his events wait, in order, and none is lost', async () => {
    const stage = new Stage({ utilization: 1 });
    await stage.begin();
    const flooded = await stage.destination({ tenantId: 'flood', name: 'flooded', behaviour: OK });
    await stage.destination({ tenantId: 'other', name: 'small', behaviour: OK });
    stage.publish('other');
    stage.publish('flood', 3000);
    for (let count = 0; count < 100; count++) {
      stage.publish('other');
      await stage.world.pass(10);
    }
    const { deliveries } = stage.world.ledger;
    const of = (name: string) =>
      [...deliveries.values()].filter(({ destination }) => destination.receiverName === name);
    expect(of('small')).toHaveLength(101);
    for (const { requests, insertedMs } of of('small'))
      expect((requests[0]?.startedMs ?? Infinity) - insertedMs).toBeLessThanOrEqual(2);
    const inTheFirstSecond = of('flooded').length;
    expect(inTheFirstSecond).toBeGreaterThan(100);
    expect(inTheFirstSecond).toBeLessThan(1500);

    await stage.world.pass(3000);
    expect(of('flooded')).toHaveLength(3000);
    const numbers = of('flooded').map(({ event }) => event.publication.n);
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    expect(flooded.underWay).toBe(0);
    expect(await stage.end()).toEqual([]);
  });

  test('his events wait five seconds at most', async () => {
    const stage = new Stage({ utilization: 1 });
    await stage.begin();
    await stage.destination({ tenantId: 'flood', name: 'flooded', behaviour: OK });
    await stage.destination({ tenantId: 'other', name: 'small', behaviour: OK });
    stage.publish('other');
    stage.publish('flood', 5000);
    for (let count = 0; count < 55; count++) {
      stage.publish('other');
      await stage.world.pass(100);
    }
    const flooded = [...stage.world.ledger.deliveries.values()].filter(
      ({ destination }) => destination.receiverName === 'flooded',
    );
    expect(flooded).toHaveLength(5000);
    expect(await stage.end()).toEqual([]);
  });
});
