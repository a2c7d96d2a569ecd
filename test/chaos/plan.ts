/** Which faults come when, and to whom: all of it from the seed. */
import type { SeededRandom } from '../support/simulated-random.ts';
import type { Side } from './proxy.ts';

export const NODES = ['a', 'b', 'c'] as const;
export type NodeName = (typeof NODES)[number];

export type Fault =
  /** kill -9, and a new start at its end. */
  | { readonly kind: 'kill'; readonly node: NodeName }
  /** SIGSTOP for longer than the lease, SIGCONT at its end. */
  | { readonly kind: 'freeze'; readonly node: NodeName }
  /** PostgreSQL ends in immediate mode, and starts at the fault's end. */
  | { readonly kind: 'restart' }
  /** All connections of a node are reset, and new ones until its end. */
  | { readonly kind: 'cut'; readonly node: NodeName }
  | { readonly kind: 'silence'; readonly node: NodeName }
  | { readonly kind: 'half-close'; readonly node: NodeName; readonly told: Side }
  | { readonly kind: 'delay'; readonly node: NodeName; readonly delayMs: number }
  /** Somebody else has every connection that the server has left. */
  | { readonly kind: 'fill' }
  /** A node's wall clock is elsewhere until its end. */
  | { readonly kind: 'clock'; readonly node: NodeName; readonly offsetS: number };

export type FaultKind = Fault['kind'];

/** Milliseconds from the beginning of the load. */
export interface PlannedFault {
  readonly fault: Fault;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** How long it lasts, in seconds. A lease is 15 s. */
const LASTS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  freeze: [16.5, 24],
  clock: [5, 25],
  silence: [3, 25],
  'half-close': [5, 20],
  delay: [3, 10],
  fill: [3, 12],
  restart: [0.5, 6],
  cut: [0.2, 8],
  kill: [0.2, 6],
};
export const KINDS = Object.keys(LASTS) as FaultKind[];
const OF_ALL: ReadonlySet<FaultKind> = new Set(['restart', 'fill']);
const FIRST_MS = 1500;
/** A run below that has each kind about once, in its shortest form. */
const SHORT_MS = 120_000;
const GAP_S = { short: [0.5, 2], long: [2, 8] } as const;
const CLOCK_S = [60, 300] as const;
const DELAY_MS = [20, 400] as const;

/** All end before `lengthMs`. A node has one fault at a time. Each kind comes once before any comes again. */
export function planFaults(
  random: SeededRandom,
  lengthMs: number,
  kinds: readonly FaultKind[],
): PlannedFault[] {
  const isShort = lengthMs < SHORT_MS;
  const [leastGapS, mostGapS] = isShort ? GAP_S.short : GAP_S.long;
  const planned: PlannedFault[] = [];
  let bag: FaultKind[] = [];
  for (let atMs = FIRST_MS; atMs < lengthMs;) {
    if (bag.length === 0) bag = [...kinds];
    const idle = NODES.filter((node) => !planned.some((each) => isHit(each, node, atMs)));
    const possible = bag.filter(
      (kind) =>
        atMs + 1000 * LASTS[kind][0] < lengthMs &&
        (OF_ALL.has(kind) ? !isOn(planned, kind, atMs) : idle.length > 0),
    );
    // The long ones first, where there is time for each only once.
    const kind =
      isShort && planned.length < kinds.length
        ? longestFirst(possible)[0]
        : possible.length > 0
          ? random.pick(possible)
          : undefined;
    if (kind !== undefined) {
      bag = bag.filter((each) => each !== kind);
      const [leastS, mostS] = LASTS[kind];
      const lastsMs = Math.round(1000 * (isShort ? leastS : random.between(leastS, mostS)));
      const untilMs = Math.min(atMs + lastsMs, lengthMs - 1);
      planned.push({ fault: faultOf(kind, random, idle), fromMs: atMs, untilMs });
    }
    atMs += Math.round(1000 * random.between(leastGapS, mostGapS));
  }
  return planned;
}

/** What to call it in a line. */
export function nameOf(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
    case 'freeze':
    case 'cut':
    case 'silence':
      return `${fault.kind} ${fault.node}`;
    case 'half-close':
      return `half-close ${fault.node} (the ${fault.told} is told)`;
    case 'delay':
      return `delay ${fault.node} by ${fault.delayMs} ms`;
    case 'clock':
      return `clock of ${fault.node} by ${fault.offsetS} s`;
    case 'restart':
      return 'restart of PostgreSQL';
    case 'fill':
      return 'no connection left';
  }
}

/** `null`: all. */
export function nodeOf(fault: Fault): NodeName | null {
  return 'node' in fault ? fault.node : null;
}

function longestFirst(kinds: readonly FaultKind[]): FaultKind[] {
  return kinds.toSorted((one, other) => LASTS[other][0] - LASTS[one][0]);
}

function isHit({ fault, fromMs, untilMs }: PlannedFault, node: NodeName, atMs: number): boolean {
  return nodeOf(fault) === node && fromMs <= atMs && atMs <= untilMs;
}

function isOn(planned: readonly PlannedFault[], kind: FaultKind, atMs: number): boolean {
  return planned.some((each) => each.fault.kind === kind && atMs <= each.untilMs);
}

function faultOf(kind: FaultKind, random: SeededRandom, idle: readonly NodeName[]): Fault {
  switch (kind) {
    case 'restart':
    case 'fill':
      return { kind };
    case 'kill':
    case 'freeze':
    case 'cut':
    case 'silence':
      return { kind, node: random.pick(idle) };
    case 'half-close':
      return { kind, node: random.pick(idle), told: random.pick(['node', 'database']) };
    case 'delay':
      return { kind, node: random.pick(idle), delayMs: random.int(...DELAY_MS) };
    case 'clock':
      return {
        kind,
        node: random.pick(idle),
        offsetS: random.int(...CLOCK_S) * (random.chance(0.5) ? 1 : -1),
      };
  }
}
