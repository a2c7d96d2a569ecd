/** What must hold when all is over: pure functions over what was seen; each gives the violations, in words. */
import { RECORD_RETRY_MS } from '../../src/engine/record.ts';
import { MAX_SILENCE_MS, MAX_WAIT_MS } from '../../src/storage/postgres/begin.ts';
import { QUERY_TIMEOUT_MS } from '../../src/storage/postgres/open.ts';
import { isAccepting, isOrdered, owedTo } from './ledger.ts';
import type { Arrival, Commit, FaultWindow, Ledger, Records } from './ledger.ts';
import type { FaultKind } from './plan.ts';

/**
 * So long an outcome may be unwritten though its node works: another one stands still in a commit until the server ends that,
 * what was refused meanwhile is held for a moment, and then waits its turn.
 */
const UNWRITTEN_MS = MAX_SILENCE_MS + RECORD_RETRY_MS + MAX_WAIT_MS;

/**
 * A repeat comes of an outcome that was not written down: how long before and after such a fault, in milliseconds, one may
 * be lost; before it also as long as its node hardly committed anything. What is not here loses none.
 */
const LOSES_OUTCOMES: Readonly<
  Partial<Record<FaultKind, { readonly before: number; readonly after: number }>>
> = {
  kill: { before: UNWRITTEN_MS, after: 500 },
  freeze: { before: UNWRITTEN_MS, after: 3000 },
  restart: { before: UNWRITTEN_MS, after: 5000 },
  cut: { before: UNWRITTEN_MS, after: 5000 },
  silence: { before: UNWRITTEN_MS, after: 10_000 },
  'half-close': { before: UNWRITTEN_MS, after: QUERY_TIMEOUT_MS + 5000 },
};

/** The answer is read, and stands in line to be written; on a machine with other work that takes its time. */
const SOON_MS = 1000;
/** Answers that are so far apart are of different commits. */
const APART_MS = 1000;
/**
 * A node does in order one thing at a time, and what stands in line goes with its next commit. So after an outcome there is one
 * commit that was under way, there are those that came while it was held since it had been refused, and then there is its own.
 */
const COMMITS_TO_BE_WRITTEN = 1 + Math.ceil(RECORD_RETRY_MS / APART_MS) + 1;

/** Answered with 202, and not accepted by everyone whom it is owed to. */
export function lost({ events, arrivals }: Ledger): string[] {
  const accepted = new Set(arrivals.filter(isAccepting).map(keyOf));
  return [...events.values()]
    .filter(({ standing }) => standing === 'accepted')
    .flatMap((event) =>
      owedTo(event)
        .filter((destination) => !accepted.has(keyOf({ destination, n: event.n })))
        .map((destination) => `event ${event.n} was answered 202 and never came to ${destination}`),
    );
}

/** Came though nobody published it, or to somebody else, or though its publishers were told that nothing was kept. */
export function invented({ events, arrivals }: Ledger): string[] {
  const found = new Set<string>();
  for (const { destination, n } of arrivals) {
    const event = events.get(n);
    if (event === undefined) found.add(`event ${n} came to ${destination} and was never published`);
    else if (event.standing === 'refused')
      found.add(`event ${n} was answered 503 and came to ${destination}`);
    else if (!owedTo(event).includes(destination))
      found.add(`event ${n} came to ${destination}, which is not owed it`);
  }
  return [...found];
}

/** One event under several ids. */
export function renamed({ arrivals }: Ledger): string[] {
  const ids = new Map<number, Set<string>>();
  for (const { n, webhookId } of arrivals) {
    const known = ids.get(n);
    if (known === undefined) ids.set(n, new Set([webhookId]));
    else known.add(webhookId);
  }
  return [...ids]
    .filter(([, names]) => names.size > 1)
    .map(([n, names]) => `event ${n} came as ${[...names].join(' and as ')}`);
}

export interface Repeats {
  readonly count: number;
  /** By the kind of fault. */
  readonly explained: ReadonlyMap<FaultKind, number>;
  readonly violations: readonly string[];
}

/** Accepted more than once: each time but the last, the outcome must have been lost by a fault of the node that had it. */
export function repeats({ arrivals, commits, faults }: Ledger): Repeats {
  const byKey = new Map<string, Arrival[]>();
  for (const arrival of arrivals.filter(isAccepting)) {
    const known = byKey.get(keyOf(arrival));
    if (known === undefined) byKey.set(keyOf(arrival), [arrival]);
    else known.push(arrival);
  }
  let count = 0;
  const explained = new Map<FaultKind, number>();
  const violations: string[] = [];
  for (const same of byKey.values()) {
    if (same.length === 1) continue;
    const inTime = same.toSorted((one, other) => one.answeredAtMs - other.answeredAtMs);
    for (const arrival of inTime.slice(0, -1)) {
      count++;
      const cause = faults.find((fault) => mayHaveLost(fault, arrival, commits));
      if (cause !== undefined) explained.set(cause.kind, (explained.get(cause.kind) ?? 0) + 1);
      else
        violations.push(
          `event ${arrival.n} was accepted by ${arrival.destination} ${timesOf(inTime)}, and no fault explains why the outcome of ${timesOf([arrival])} was lost`,
        );
    }
  }
  return { count, explained, violations };
}

function mayHaveLost(
  { kind, node, fromMs, untilMs }: FaultWindow,
  arrival: Arrival,
  commits: readonly Commit[],
): boolean {
  const reach = LOSES_OUTCOMES[kind];
  if (reach === undefined) return false;
  if (node !== null && arrival.node !== null && node !== arrival.node) return false;
  const atMs = arrival.answeredAtMs;
  if (atMs > untilMs + reach.after) return false;
  return atMs >= fromMs - reach.before || isStalled(arrival, fromMs - reach.before, commits);
}

/** Whether its node committed so seldom from then on until that moment that the outcome may still have been in line. */
function isStalled(
  { node, answeredAtMs }: Arrival,
  untilMs: number,
  commits: readonly Commit[],
): boolean {
  const times = commits
    .filter(({ node: by }) => node === null || by === node)
    .map(({ atMs }) => atMs)
    .filter((atMs) => atMs > answeredAtMs + SOON_MS && atMs < untilMs)
    .toSorted((one, other) => one - other);
  let count = 0;
  let lastMs = -Infinity;
  for (const atMs of times)
    if (atMs >= lastMs + APART_MS) {
      count++;
      lastMs = atMs;
    }
  return count < COMMITS_TO_BE_WRITTEN;
}

/**
 * Ordered destinations: the next of a key comes after the one before was accepted, and what is repeated is repeated before
 * the next. Only a node that was frozen may send late what it had begun, once it thaws.
 */
export function swapped({ events, arrivals, faults }: Ledger): string[] {
  const keys = new Map<string, Arrival[]>();
  for (const arrival of arrivals) {
    const key = events.get(arrival.n)?.orderKey;
    if (key === undefined || key === null || !isOrdered(arrival.destination)) continue;
    const name = `${key} at ${arrival.destination}`;
    const known = keys.get(name);
    if (known === undefined) keys.set(name, [arrival]);
    else known.push(arrival);
  }
  return [...keys].flatMap(([name, all]) => swappedOf(name, all, faults));
}

function swappedOf(name: string, all: readonly Arrival[], faults: readonly FaultWindow[]) {
  const violations: string[] = [];
  const inTime = all.toSorted((one, other) => one.atMs - other.atMs);
  /** When each was accepted first. */
  const acceptedAtMs = new Map<number, number>();
  for (const arrival of inTime.filter(isAccepting))
    if (!acceptedAtMs.has(arrival.n)) acceptedAtMs.set(arrival.n, arrival.answeredAtMs);
  const order = [...new Set(inTime.map(({ n }) => n))].toSorted((one, other) => one - other);
  const before = new Map(order.map((n, index) => [n, order[index - 1]]));
  let latest: Arrival | undefined;
  for (const arrival of inTime) {
    const previous = before.get(arrival.n);
    if (previous !== undefined && !((acceptedAtMs.get(previous) ?? Infinity) <= arrival.atMs))
      violations.push(
        `${name}: event ${arrival.n} came ${timesOf([arrival])}, before ${previous} was accepted`,
      );
    if (latest !== undefined && arrival.n < latest.n && !isThawing(arrival, faults))
      violations.push(
        `${name}: event ${arrival.n} came ${timesOf([arrival])}, after ${latest.n} ${timesOf([latest])}`,
      );
    if (latest === undefined || arrival.n > latest.n) latest = arrival;
  }
  return violations;
}

function isThawing(arrival: Arrival, faults: readonly FaultWindow[]): boolean {
  return faults.some(
    ({ kind, node, untilMs }) =>
      kind === 'freeze' &&
      (arrival.node === null || node === arrival.node) &&
      arrival.atMs >= untilMs &&
      arrival.atMs <= untilMs + 2000,
  );
}

/** What the database has at the end: everything done with, once, and nothing that did not happen. */
export function misrecorded({ events, arrivals }: Ledger, records: Records): string[] {
  const violations: string[] = [];
  const stored = new Map<number, number>();
  for (const n of records.events) stored.set(n, (stored.get(n) ?? 0) + 1);
  for (const [n, times] of stored) {
    if (times > 1) violations.push(`event ${n} is stored ${times} times`);
    if (events.get(n)?.standing === 'refused')
      violations.push(`event ${n} was answered 503, and is stored`);
  }
  for (const { n, standing } of events.values())
    if (standing === 'accepted' && !stored.has(n))
      violations.push(`event ${n} was answered 202, and is not stored`);

  const accepted = new Set(arrivals.filter(isAccepting).map(keyOf));
  const attempts = new Map<string, { numbers: number[]; delivered: number }>();
  for (const row of records.attempts) {
    const known = attempts.get(keyOf(row)) ?? { numbers: [], delivered: 0 };
    attempts.set(keyOf(row), known);
    known.numbers.push(row.number);
    if (row.isDelivered) known.delivered++;
  }
  for (const row of records.deliveries) {
    const what = `event ${row.n} to ${row.destination}`;
    if (row.status !== 'delivered') violations.push(`${what} is ${row.status}`);
    if (row.isClaimed) violations.push(`${what} is claimed, and nobody has it in memory`);
    if (!accepted.has(keyOf(row)) && row.status === 'delivered')
      violations.push(`${what} is delivered, and never came`);
    const { numbers, delivered } = attempts.get(keyOf(row)) ?? { numbers: [], delivered: 0 };
    if (delivered > 1) violations.push(`${what} has ${delivered} attempts that delivered it`);
    const expected = Array.from({ length: row.attempts }, (_, index) => index + 1);
    if (numbers.toSorted((one, other) => one - other).join() !== expected.join())
      violations.push(`${what} has ${row.attempts} attempts, recorded are ${numbers.join()}`);
  }
  return violations;
}

export type Counts = Readonly<Record<string, number>>;

/** Two ways to count the same. */
export function miscounted(what: string, counted: Counts, recorded: Counts): string[] {
  return [...new Set([...Object.keys(counted), ...Object.keys(recorded)])]
    .filter((key) => (counted[key] ?? 0) !== (recorded[key] ?? 0))
    .map((key) => `${what} of ${key}: ${counted[key] ?? 0}, recorded: ${recorded[key] ?? 0}`);
}

function keyOf({ destination, n }: { destination: string; n: number }): string {
  return `${destination} ${n}`;
}

function timesOf(arrivals: readonly Arrival[]): string {
  return arrivals
    .map(
      ({ answeredAtMs, node }) => `at ${(answeredAtMs / 1000).toFixed(2)} s (node ${node ?? '?'})`,
    )
    .join(' and ');
}
