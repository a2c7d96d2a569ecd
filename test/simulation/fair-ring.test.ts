/** Whose turn it is, of tenants with much and with little to send. */
import { describe, expect, test } from 'vitest';
import { FairRing } from '../../src/engine/fair-ring.ts';

/** A ring of names like `a3`: the group is their first letter. */
function ringOf(...members: string[]): FairRing<string> {
  const ring = new FairRing<string>();
  for (const member of members) ring.add(member.slice(0, 1), member);
  return ring;
}

function takeAll(ring: FairRing<string>): string[] {
  const taken: string[] = [];
  for (let next = ring.take(); next !== undefined; next = ring.take()) taken.push(next);
  return taken;
}

describe('turns', () => {
  test('go round the groups, and within a group round its members', () => {
    const ring = ringOf('a1', 'a2', 'a3', 'b1', 'c1', 'c2');
    expect(takeAll(ring)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  });

  test('are no more for a group with a thousand members than for one with one', () => {
    const many = Array.from({ length: 1000 }, (_, index) => `a${index}`);
    const ring = ringOf(...many, 'b');
    let taken = 0;
    for (let turn = 0; turn < 1000; turn++) {
      const next = ring.take() ?? '';
      ring.add(next.slice(0, 1), next);
      if (next === 'b') taken++;
    }
    expect(taken).toBe(500);
  });

  test('come first to whoever had none while another had many, 64 of them, and then by rounds', () => {
    const ring = ringOf('a');
    for (let turn = 0; turn < 10_000; turn++) ring.add('a', ring.take() ?? '');
    for (let index = 0; index < 100; index++) ring.add('b', `b${index}`);
    const taken: string[] = [];
    for (let turn = 0; turn < 100; turn++) {
      const next = ring.take() ?? '';
      taken.push(next.slice(0, 1));
      if (next === 'a') ring.add('a', next);
    }
    const ofB = (from: number, to: number) =>
      taken.slice(from, to).filter((name) => name === 'b').length;
    expect(ofB(0, 64)).toBeGreaterThanOrEqual(63);
    expect(ofB(66, 100)).toBe(17);
  });

  test('are not saved up: who has little, time and again, is first, and never holds up the others for longer', () => {
    const ring = ringOf('a');
    let waitedTurns = 0;
    let longest = 0;
    for (let turn = 0; turn < 5000; turn++) {
      // Less than its share, all at once.
      if (turn % 100 === 0) for (let index = 0; index < 40; index++) ring.add('b', `b${turn}`);
      const next = ring.take() ?? '';
      waitedTurns = next === 'a' ? 0 : waitedTurns + 1;
      longest = Math.max(longest, waitedTurns);
      if (next === 'a') ring.add('a', next);
    }
    expect(longest).toBeGreaterThanOrEqual(39);
    expect(longest).toBeLessThanOrEqual(41);
  });

  test('remain to a group that is forgotten for what it still has', () => {
    const ring = ringOf('a1', 'a2', 'b1');
    ring.forget('a');
    expect(takeAll(ring)).toEqual(['a1', 'b1', 'a2']);
  });
});
