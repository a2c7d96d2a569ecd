/** The checks of a run find what they are for, in ledgers into which it was written. */
import { describe, expect, it } from 'vitest';

import { SeededRandom } from '../support/simulated-random.ts';
import * as checks from './checks.ts';
import { owedTo } from './ledger.ts';
import type {
  Arrival,
  AttemptRow,
  Commit,
  DeliveryRow,
  FaultWindow,
  PublishedEvent,
  Records,
} from './ledger.ts';
import { KINDS, NODES, nodeOf, planFaults } from './plan.ts';
import type { FaultKind } from './plan.ts';

interface Seen {
  events: Map<number, PublishedEvent>;
  arrivals: Arrival[];
  commits: Commit[];
  faults: FaultWindow[];
  records: { events: number[]; deliveries: DeliveryRow[]; attempts: AttemptRow[] };
}

/** Thirty events of one order key, a second apart, each delivered once to both. */
function faultless(): Seen {
  const seen: Seen = {
    events: new Map(),
    arrivals: [],
    commits: [],
    faults: [],
    records: { events: [], deliveries: [], attempts: [] },
  };
  for (let n = 1; n <= 30; n++) {
    const event: PublishedEvent = {
      n,
      tenant: 'acme',
      topic: 'order.changed',
      orderKey: 'key-1',
      standing: 'accepted',
      acceptedAtMs: n * 1000 - 10,
    };
    seen.events.set(n, event);
    seen.commits.push({ node: 'a', atMs: n * 1000 - 10 });
    seen.records.events.push(n);
    for (const destination of owedTo(event)) {
      seen.arrivals.push(arrival(destination, n, n * 1000));
      const row = { destination, n };
      seen.records.deliveries.push({ ...row, status: 'delivered', attempts: 1, isClaimed: false });
      seen.records.attempts.push({ ...row, number: 1, isDelivered: true });
    }
  }
  return seen;
}

function arrival(destination: string, n: number, atMs: number): Arrival {
  const webhookId = `event-${n}`;
  return { destination, n, webhookId, atMs, answeredAtMs: atMs + 10, status: 200, node: 'a' };
}

/** Everything that is found, by the check. */
function found(seen: Seen): Record<string, readonly string[]> {
  const all = {
    lost: checks.lost(seen),
    invented: checks.invented(seen),
    renamed: checks.renamed(seen),
    repeated: checks.repeats(seen).violations,
    swapped: checks.swapped(seen),
    misrecorded: checks.misrecorded(seen, seen.records satisfies Records),
  };
  return Object.fromEntries(Object.entries(all).filter(([, violations]) => violations.length > 0));
}

function after(change: (seen: Seen) => void): Record<string, readonly string[]> {
  const seen = faultless();
  change(seen);
  return found(seen);
}

const fault = (kind: FaultKind, fromS: number, node: FaultWindow['node'] = 'a'): FaultWindow => ({
  kind,
  node,
  fromMs: fromS * 1000,
  untilMs: fromS * 1000 + 100,
});
const isAt = (destination: string, n: number) => (row: { destination: string; n: number }) =>
  row.destination === destination && row.n === n;

describe('the checks of a chaos run', () => {
  it('find nothing where nothing is wrong', () => {
    expect(found(faultless())).toEqual({});
  });

  it('find an event that was answered 202 and did not come to one of two', () => {
    const { lost } = after((seen) => {
      seen.arrivals = seen.arrivals.filter((each) => !isAt('acme/slow', 7)(each));
    });
    expect(lost).toEqual(['event 7 was answered 202 and never came to acme/slow']);
  });

  it('do not take a refused attempt for a delivery', () => {
    const { lost } = after((seen) => {
      seen.arrivals = seen.arrivals.map((each) =>
        isAt('acme/slow', 7)(each) ? { ...each, status: 503 } : each,
      );
    });
    expect(lost).toHaveLength(1);
  });

  it('ask nothing of an event that had no answer', () => {
    const violations = after((seen) => {
      const event = seen.events.get(30);
      if (event !== undefined) event.standing = 'unknown';
      seen.arrivals = seen.arrivals.filter(({ n }) => n !== 30);
      seen.records.events.pop();
      seen.records.deliveries = seen.records.deliveries.filter(({ n }) => n !== 30);
    });
    expect(violations).toEqual({});
  });

  it('find what came though it was refused, or never published, or to somebody else', () => {
    const { invented } = after((seen) => {
      const event = seen.events.get(5);
      if (event !== undefined) event.standing = 'refused';
      seen.arrivals.push(arrival('acme/slow', 99, 5), arrival('globex/slow', 3, 3005));
    });
    expect(invented).toHaveLength(4);
  });

  it('find an event under two ids', () => {
    const { renamed } = after((seen) => {
      seen.arrivals = seen.arrivals.map((each) =>
        isAt('acme/slow', 7)(each) ? { ...each, webhookId: 'evt_other' } : each,
      );
    });
    expect(renamed).toEqual(['event 7 came as evt_other and as event-7']);
  });

  it('find a repeat that no fault of its node explains', () => {
    const repeat = (seen: Seen) => seen.arrivals.push(arrival('acme/slow', 7, 20_000));
    expect(after(repeat)).toMatchObject({ repeated: [expect.stringContaining('event 7')] });
    for (const cause of [
      fault('kill', 7, 'b'),
      fault('kill', 20),
      fault('clock', 7),
      fault('delay', 7),
      fault('fill', 7, null),
    ]) {
      const violations = after((seen) => {
        repeat(seen);
        seen.faults.push(cause);
      });
      expect(violations, JSON.stringify(cause)).toHaveProperty('repeated');
    }
  });

  it('count a repeat whose outcome was lost with its node, by the fault', () => {
    for (const cause of [fault('kill', 8), fault('freeze', 6.5), fault('restart', 9, null)]) {
      const seen = faultless();
      seen.arrivals.push(arrival('acme/slow', 7, 20_000));
      seen.faults.push(cause);
      expect(checks.repeats(seen)).toEqual({
        count: 1,
        explained: new Map([[cause.kind, 1]]),
        violations: [],
      });
    }
  });

  it('explain a repeat by a later fault where its node committed nothing in between', () => {
    const seen = faultless();
    seen.arrivals.push(arrival('acme/slow', 7, 29_000));
    seen.faults.push(fault('kill', 20));
    expect(checks.repeats(seen).violations).toHaveLength(1);
    seen.commits = seen.commits.filter(({ atMs }) => atMs < 8000 || atMs > 20_000);
    expect(checks.repeats(seen).violations).toEqual([]);
    seen.commits.push({ node: 'b', atMs: 12_000 });
    expect(checks.repeats(seen).violations).toEqual([]);
    // Two of its own: one may have been under way, and one may have come while what was refused was held.
    seen.commits.push({ node: 'a', atMs: 12_000 }, { node: 'a', atMs: 12_900 });
    seen.commits.push({ node: 'a', atMs: 14_000 });
    expect(checks.repeats(seen).violations).toEqual([]);
    seen.commits.push({ node: 'a', atMs: 15_000 });
    expect(checks.repeats(seen).violations).toHaveLength(1);
  });

  it('find two events of a key in the wrong order', () => {
    const times = new Map([
      [7, 8000],
      [8, 7000],
    ]);
    const { swapped } = after((seen) => {
      seen.arrivals = seen.arrivals.map((each) =>
        times.has(each.n) ? arrival(each.destination, each.n, times.get(each.n) ?? 0) : each,
      );
    });
    // Only at the destination that asked for order.
    expect(swapped).toHaveLength(2);
    expect(swapped?.[0]).toContain('key-1 at acme/ordered: event 8 came at 7.01 s');
  });

  it('find the next of a key begun while the one before has not been accepted', () => {
    const { swapped } = after((seen) => {
      seen.arrivals = seen.arrivals.map((each) =>
        isAt('acme/ordered', 7)(each) ? { ...each, answeredAtMs: 8500 } : each,
      );
    });
    expect(swapped).toHaveLength(1);
  });

  it('find a repeat that comes after the next of its key, unless its node had just thawed', () => {
    const late = (seen: Seen) => {
      seen.arrivals.push(arrival('acme/ordered', 7, 20_500));
      seen.faults.push({ ...fault('kill', 7), untilMs: 20_400 });
    };
    expect(after(late)).toHaveProperty('swapped');
    const thawed = (seen: Seen) => {
      seen.arrivals.push(arrival('acme/ordered', 7, 20_500));
      seen.faults.push({ ...fault('freeze', 7), untilMs: 20_400 });
    };
    expect(after(thawed)).toEqual({});
  });

  it('find what the database has wrong', () => {
    const wrong: ((seen: Seen) => void)[] = [
      ({ records }) => records.events.push(7),
      ({ records }) => records.events.splice(0, 1),
      ({ records }) => Object.assign(records.deliveries[3] ?? {}, { status: 'pending' }),
      ({ records }) => Object.assign(records.deliveries[3] ?? {}, { isClaimed: true }),
      ({ records }) => Object.assign(records.deliveries[3] ?? {}, { attempts: 2 }),
      ({ records }) => records.attempts.splice(3, 1),
      ({ records }) =>
        records.attempts.push({ destination: 'acme/slow', n: 7, number: 2, isDelivered: true }),
    ];
    for (const change of wrong) expect(after(change)).toHaveProperty('misrecorded');
    const never = after((seen) => {
      seen.arrivals = seen.arrivals.filter((each) => !isAt('acme/slow', 7)(each));
    });
    expect(never['misrecorded']).toEqual(['event 7 to acme/slow is delivered, and never came']);
  });

  it('find counts that differ, either way', () => {
    expect(checks.miscounted('usage', { a: 1, b: 2 }, { b: 2, a: 1 })).toEqual([]);
    expect(checks.miscounted('usage', { a: 1 }, { a: 2, b: 1 })).toEqual([
      'usage of a: 1, recorded: 2',
      'usage of b: 0, recorded: 1',
    ]);
    expect(checks.miscounted('usage', { a: 1 }, {})).toHaveLength(1);
  });
});

describe('a plan of faults', () => {
  it('is the same for the same seed, and another one for another', () => {
    const plan = (seed: number) => planFaults(new SeededRandom(seed), 600_000, KINDS);
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
  });

  it('has every kind, also in half a minute, and no two on one node at a time', () => {
    for (let seed = 1; seed <= 200; seed++) {
      for (const lengthMs of [30_000, 600_000]) {
        const planned = planFaults(new SeededRandom(seed), lengthMs, KINDS);
        expect(new Set(planned.map(({ fault: { kind } }) => kind)), `seed ${seed}`).toEqual(
          new Set(KINDS),
        );
        for (const node of NODES) {
          const own = planned.filter((each) => nodeOf(each.fault) === node);
          own.forEach((each, index) => {
            expect(each.fromMs).toBeGreaterThan(own[index - 1]?.untilMs ?? 0);
            expect(each.untilMs).toBeLessThan(lengthMs);
          });
        }
      }
    }
  });
});
