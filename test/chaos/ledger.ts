/** What publishers, receivers and faults have seen. Times are milliseconds since the run began, of one clock. */
import type { FaultKind, NodeName } from './plan.ts';

/**
 * `accepted`: answered 202. `refused`: answered 503 every time it was sent, so nothing of it was kept. `unknown`: at least
 * once no answer came, and never a 202.
 */
export type Standing = 'accepted' | 'refused' | 'unknown';

export interface PublishedEvent {
  /** It is in its data, and so known at the receiver too. Of one order key, they grow in the order of publishing. */
  readonly n: number;
  readonly tenant: string;
  readonly topic: string;
  readonly orderKey: string | null;
  standing: Standing;
  /** When it was answered 202; `null`: it was not. */
  acceptedAtMs: number | null;
}

export interface Arrival {
  /** `tenant/destination`. */
  readonly destination: string;
  readonly n: number;
  readonly webhookId: string;
  readonly atMs: number;
  /** That it was answered with. */
  readonly status: number;
  readonly answeredAtMs: number;
  /** Whose connection it came by; `null`: not known. */
  readonly node: NodeName | null;
}

/** While a fault lasted, as it came to be. */
export interface FaultWindow {
  readonly kind: FaultKind;
  /** `null`: all. */
  readonly node: NodeName | null;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** An answer with 202: this node was able to commit at that moment. */
export interface Commit {
  readonly node: NodeName;
  readonly atMs: number;
}

export interface Ledger {
  readonly events: ReadonlyMap<number, PublishedEvent>;
  readonly arrivals: readonly Arrival[];
  /** In the order of their times. */
  readonly commits: readonly Commit[];
  readonly faults: readonly FaultWindow[];
}

/** What the database says of a delivery when all is over. */
export interface DeliveryRow {
  readonly destination: string;
  readonly n: number;
  readonly status: string;
  readonly attempts: number;
  readonly isClaimed: boolean;
}

export interface AttemptRow {
  readonly destination: string;
  readonly n: number;
  readonly number: number;
  readonly isDelivered: boolean;
}

export interface Records {
  /** Of each event that is stored, as often as it is. */
  readonly events: readonly number[];
  readonly deliveries: readonly DeliveryRow[];
  readonly attempts: readonly AttemptRow[];
}

interface Destination {
  readonly name: string;
  readonly topics: readonly string[];
  readonly policy: object;
  /** How often it answers 503, and how long it takes at most. */
  readonly failing: number;
  readonly slowestMs: number;
  readonly isOrdered: boolean;
}

export const TENANTS = ['acme', 'globex', 'initech', 'umbrella'] as const;
export const TOPICS = ['order.placed', 'order.changed'] as const;

const RETRY = { delays_s: Array.from({ length: 30 }, () => 0.5), jitter: 0.2 };

/** The same of each tenant: every event is owed to two. */
export const DESTINATIONS: readonly Destination[] = [
  {
    name: 'prompt',
    topics: ['order.placed'],
    policy: { retry: RETRY },
    failing: 0,
    slowestMs: 0,
    isOrdered: false,
  },
  {
    name: 'flaky',
    topics: ['order.placed'],
    policy: { retry: RETRY },
    failing: 0.1,
    slowestMs: 30,
    isOrdered: false,
  },
  {
    name: 'slow',
    topics: ['order.changed'],
    policy: { retry: RETRY },
    failing: 0.01,
    slowestMs: 400,
    isOrdered: false,
  },
  {
    name: 'ordered',
    topics: ['order.changed'],
    policy: { retry: RETRY, order: 'key' },
    failing: 0.03,
    slowestMs: 20,
    isOrdered: true,
  },
];

/** `tenant/destination` of all that it is owed to. */
export function owedTo({ tenant, topic }: PublishedEvent): string[] {
  return DESTINATIONS.filter(({ topics }) => topics.includes(topic)).map(
    ({ name }) => `${tenant}/${name}`,
  );
}

export function isOrdered(destination: string): boolean {
  const name = destination.slice(destination.indexOf('/') + 1);
  return DESTINATIONS.some((each) => each.name === name && each.isOrdered);
}

export function isAccepting({ status }: Arrival): boolean {
  return status === 200;
}
