import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { Floor } from '../../src/outbox/floor.ts';
import type { Seen } from '../../src/outbox/floor.ts';

/** A floor whose first look, which is from the start, is over. */
function floorAt(nowMs: () => number = () => 0): Floor {
  const floor = new Floor({ ...systemClock, monotonicMs: nowMs });
  expect(floor.position).toBe(0n);
  return floor;
}

const seen = (first: bigint | null, last: bigint, xmin: bigint): Seen => ({ first, last, xmin });

describe('the floor', () => {
  it('rises when all that took a position before the delete have ended', () => {
    const floor = floorAt();
    floor.looked(seen(1n, 10n, 100n));
    floor.deleted(105n);
    floor.looked(seen(null, 12n, 105n));
    expect(floor.position).toBe(0n);
    floor.looked(seen(null, 12n, 106n));
    expect(floor.position).toBe(10n);
  });

  it('stays below what waits', () => {
    const floor = floorAt();
    floor.looked(seen(1n, 10n, 100n));
    floor.deleted(105n);
    floor.looked(seen(4n, 12n, 106n));
    expect(floor.position).toBe(3n);
  });

  it('reads from the start every minute, and stays there where something was below it', () => {
    let nowMs = 0;
    const floor = floorAt(() => nowMs);
    floor.looked(seen(1n, 10n, 100n));
    floor.deleted(105n);
    floor.looked(seen(null, 10n, 106n));
    nowMs = 59_999;
    expect(floor.position).toBe(10n);
    nowMs = 60_000;
    expect(floor.position).toBe(0n);
    floor.looked(seen(null, 10n, 107n));
    expect(floor.position).toBe(10n);
    floor.looked(seen(2n, 10n, 108n));
    expect(floor.position).toBe(0n);
  });

  it('falls where the numbers of the database have gone back', () => {
    const floor = floorAt();
    floor.looked(seen(1n, 10n, 100n));
    floor.deleted(105n);
    floor.looked(seen(null, 10n, 106n));
    floor.looked(seen(null, 3n, 90n));
    expect(floor.position).toBe(0n);
  });

  it('is never above what a transaction still commits, in whatever order they begin, call and end', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 200, size: 'max' }), (steps) => {
        const database = new ModelDatabase();
        const floor = floorAt();
        for (const step of steps) {
          if (step === 0) database.begin();
          else if (step === 1) database.call();
          else if (step === 2) database.commitOldest();
          else if (step === 3) database.commitNewest();
          else {
            const above = floor.position;
            const rows = database.read(above);
            expect(rows).toEqual(database.read(0n));
            floor.looked(database.seen(above));
            if (step === 4 && rows.length > 0) floor.deleted(database.remove(rows));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

interface Transaction {
  readonly xid: bigint;
  readonly positions: bigint[];
}

/** Ids and positions as PostgreSQL gives them; a snapshot shows what was committed. */
class ModelDatabase {
  #xid = 100n;
  #position = 0n;
  readonly #open: Transaction[] = [];
  #committed: bigint[] = [];

  begin(): void {
    this.#open.push({ xid: this.#xid++, positions: [] });
  }

  call(): void {
    this.#open[Math.floor(this.#open.length / 2)]?.positions.push(++this.#position);
  }

  commitOldest(): void {
    this.#committed.push(...(this.#open.shift()?.positions ?? []));
  }

  commitNewest(): void {
    this.#committed.push(...(this.#open.pop()?.positions ?? []));
  }

  read(above: bigint): bigint[] {
    return this.#committed
      .filter((position) => position > above)
      .toSorted((a, b) => Number(a - b))
      .slice(0, 3);
  }

  seen(above: bigint): Seen {
    const xmin = this.#open[0]?.xid ?? this.#xid;
    return { first: this.read(above)[0] ?? null, last: this.#position, xmin };
  }

  remove(rows: readonly bigint[]): bigint {
    this.#committed = this.#committed.filter((position) => !rows.includes(position));
    return this.#xid++;
  }
}
