/**
 * What kind of world a seed gives. Each leaves some kinds of trouble out: where everything happens all the time, what
 * takes a quiet moment to go wrong never does.
 */
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { RATE_COUNTS } from '../../src/domain/profile.ts';
import type { DisablePolicy } from '../../src/domain/ending.ts';
import type { EventResource } from '../../src/domain/event.ts';
import type { Behaviour } from '../support/simulated-receivers.ts';
import { HEALTHY } from '../support/simulated-receivers.ts';
import type { SharedLimits } from '../../src/engine/shared-concurrency.ts';
import type { SeededRandom } from '../support/simulated-random.ts';
import { furtherOf, hasSharedPlaces } from './further.ts';
import type { Further } from './further.ts';

const STEPS = {
  publish: 12,
  burst: 4,
  batch: 3,
  repeat: 3,
  conflict: 1,
  strange: 0.3,
  create: 1,
  disable: 1,
  enable: 1,
  change: 1.5,
  remove: 0.7,
  createTenant: 0.3,
  removeTenant: 0.2,
  retry: 3,
  cancel: 0.7,
  letGo: 1,
  expire: 0.7,
  replay: 0.7,
  changeReplay: 0.7,
  misbehave: 3,
  recover: 2,
  away: 1,
  flaky: 1,
  slow: 0.5,
  crash: 1,
  crashSoon: 1,
  stop: 1,
  jump: 0.7,
  wait: 6,
  idle: 2,
};

export type Step = keyof typeof STEPS;

/** Kinds of trouble of which each world has some. */
const TROUBLES: readonly (readonly Step[])[] = [
  ['create', 'remove'],
  ['disable', 'enable'],
  ['change'],
  ['retry'],
  ['cancel'],
  ['letGo'],
  ['expire'],
  ['replay', 'changeReplay'],
  ['misbehave'],
  ['away'],
  ['flaky', 'slow'],
  ['crash', 'crashSoon'],
  ['stop'],
  ['jump'],
];

export interface Scenario {
  readonly weights: Readonly<Record<Step, number>>;
  readonly steps: number;
  readonly tenants: number;
  readonly destinationsPerTenant: number;
  readonly maxInFlight: number;
  readonly maxInMemory: number;
  readonly isAmple: boolean;
  readonly retentionDays: number;
  readonly utilization: number;
  /** Largest burst. */
  readonly burst: number;
  readonly policies: Policies;
  readonly further: Further;
  readonly shared: Partial<SharedLimits>;
}

/** How often a destination, or an event, has something of its own. Where all are 0, nothing but the lanes is at work. */
export interface Policies {
  readonly rate: number;
  readonly order: number;
  /** Of changed policies, those that change the order too. */
  readonly reorder: number;
  readonly deliverAt: number;
  /** Keeps what it misses while it is disabled. */
  readonly hold: number;
  /** Is disabled by a rule. */
  readonly ending: number;
  /** Is created with an end. */
  readonly expiry: number;
}

/** `more`: the stream of further.ts. */
export function scenarioOf(random: SeededRandom, more: SeededRandom): Scenario {
  const weights: Record<Step, number> = { ...STEPS };
  for (const steps of TROUBLES) if (random.chance(0.5)) for (const step of steps) weights[step] = 0;
  const isRoomy = random.chance(0.4);
  const further = furtherOf(more);
  return {
    weights,
    steps: random.int(10, 50),
    tenants: random.int(1, 3),
    destinationsPerTenant: random.int(1, 3),
    maxInFlight: isRoomy ? 4096 : random.int(1, 12),
    maxInMemory: isRoomy ? 20_000 : random.int(3, 20),
    isAmple: isRoomy && !hasSharedPlaces(further),
    retentionDays: random.chance(0.3) ? random.between(0.5, 10) / (24 * 60) : 30,
    utilization: random.chance(0.2) ? 1 : 0,
    burst: random.chance(0.15) ? 100 : 12,
    policies: policiesOf(random),
    further,
    shared: further.shared,
  };
}

function policiesOf(random: SeededRandom): Policies {
  const some = (often: number) => (random.chance(0.5) ? often : 0);
  return {
    rate: some(0.4),
    order: some(0.6),
    reorder: some(0.3),
    deliverAt: some(0.15),
    hold: some(0.4),
    ending: some(0.5),
    expiry: some(0.3),
  };
}

function rateOf(random: SeededRandom): DestinationPolicy {
  return {
    rate_per_minute: random.pick([6, 30, 60, 120, 600, 6000]),
    ...(random.chance(0.5) ? { rate_counts: random.pick(RATE_COUNTS) } : {}),
  };
}

export function policyOf(random: SeededRandom, policies: Policies): DestinationPolicy {
  const { rate, order, hold, ending } = policies;
  return {
    ...(random.chance(hold) ? { while_disabled: 'hold' } : {}),
    ...(random.chance(ending) ? { disable: random.pick(DISABLE_RULES) } : {}),
    ...(random.chance(rate) ? rateOf(random) : {}),
    ...(random.chance(order) ? orderOf(random) : {}),
    timeout_ms: random.pick([500, 2000, 5000]),
    ...(random.chance(0.2) ? {} : { concurrency: random.pick([1, 1, 1, 2, 3, 8]) }),
    retry: {
      delays_s: random.pick(DELAYS_S),
      jitter: random.pick([0, 0.1, 0.5]),
      ...(random.chance(0.2) ? { window_s: random.int(1, 20) } : {}),
    },
  };
}

/** What a policy says of order. */
export function orderOf(random: SeededRandom): DestinationPolicy {
  return {
    order: random.pick(['key', 'key', 'latest']),
    ...(random.chance(0.5) ? { order_on_failure: random.pick(['skip', 'hold', 'hold']) } : {}),
  };
}

const DISABLE_RULES: readonly DisablePolicy[] = [
  { consecutive_failures: 1 },
  { consecutive_failures: 3 },
  { consecutive_failures: 12 },
  { on_exhausted: true },
  { without_success_s: 2 },
  { failure_share: { share: 0.5, window_s: 60, min_attempts: 5 } },
];

const DELAYS_S = [
  [],
  [1],
  [0.5, 2],
  [1, 5, 20],
  [0.2, 0.2, 0.2, 0.2, 0.2],
  [2, 60],
  [8, 16, 60, 480, 1800],
];

/** What an event is ordered by, where it is at all; of few keys, so that they meet. */
export function orderedBy(
  random: SeededRandom,
  { order }: Policies,
  versions: Map<string, number>,
): { readonly key?: string; readonly resource?: EventResource } {
  if (order === 0 || random.chance(0.2)) return {};
  if (random.chance(0.4)) return { key: `k${random.int(1, 3)}` };
  const urn = `urn:${random.int(1, 3)}`;
  if (random.chance(0.2)) return { resource: { urn } };
  const node = random.chance(0.9) ? 'a' : 'b';
  const version = (versions.get(`${urn} ${node}`) ?? 0) + 1;
  versions.set(`${urn} ${node}`, version);
  // Some come late, and some know nothing of the other node.
  const late = random.chance(0.1) ? Math.max(1, version - random.int(1, 3)) : version;
  return { resource: { urn, vector_clock: { [node]: late } } };
}

export function topicsOf(random: SeededRandom): string[] {
  return random.pick([['*'], ['*'], ['room.created'], ['room.*'], ['room.created', 'user.gone']]);
}

export const TOPICS = ['room.created', 'room.closed', 'user.gone', ''];

export function healthyBehaviour(random: SeededRandom): Behaviour {
  return random.chance(0.3) ? HEALTHY : { kind: 'ok', latencyMs: random.between(0.5, 40) };
}

export function badBehaviour(random: SeededRandom): Behaviour {
  const latencyMs = random.between(0.5, 300);
  switch (
    random.weighted({
      status: 4,
      asked: 2,
      refusing: 1,
      flapping: 3,
      hanging: 3,
      dead: 0.5,
      slow: 2,
    })
  ) {
    case 'status':
      return { kind: 'status', latencyMs, status: random.pick([500, 503, 404, 410]) };
    case 'asked':
      return { kind: 'status', latencyMs, status: 429, retryAfterMs: random.int(0, 20) * 1000 };
    case 'refusing':
      return { kind: 'refusing', latencyMs };
    case 'flapping':
      return { kind: 'flapping', latencyMs, failures: random.between(0.1, 0.9) };
    case 'hanging':
      return { kind: 'hanging' };
    case 'dead':
      return { kind: 'dead' };
    case 'slow':
      return { kind: 'flapping', latencyMs: random.between(300, 4000), failures: 0 };
  }
}
