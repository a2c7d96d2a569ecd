/**
 * What worlds have beside what scenario.ts says, drawn from a stream of chance of its own: where none of it is on, a world
 * is the one that it was before there was any of it.
 */
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import type { SharedLimits } from '../../src/engine/shared-concurrency.ts';
import { SeededRandom } from '../support/simulated-random.ts';

import type { OwnPlaces } from './place-watch.ts';

/** How often each is; where all are 0, nothing of this is at work. */
export interface Further {
  /** Of steps: a receiver fails for a while, and is published to meanwhile. */
  readonly outage: number;
  /** Of outages: the receiver asks for its end, with 410 or `webhook-delivery: disable`. */
  readonly wish: number;
  /** Of destinations: another profile than the standard one, perhaps with its schedule and its rule. */
  readonly profile: number;
  /** Of destinations: delays that grow by a factor. */
  readonly exponential: number;
  /** Places of the instance that lanes share; empty: more than are ever wanted. */
  readonly shared: Partial<SharedLimits>;
  /** Of destinations: their receiver shares an origin with others. */
  readonly origin: number;
  /** Of tenants: they have places of their own. */
  readonly ownPlaces: number;
}

const PROFILES = ['baack', 'balkanid', 'basekit', 'basekit', 'baxcloud', 'standard'];

export interface Chosen {
  /** `null`: none is named. */
  readonly profile: string | null;
  readonly policy: DestinationPolicy;
}

/** What becomes of a destination that was to have the policy. */
export function chosenFor(
  wanted: DestinationPolicy,
  random: SeededRandom,
  further: Further,
): Chosen {
  const policy = furtherPolicy(wanted, random, further);
  if (!random.chance(further.profile)) return { profile: null, policy };
  const { retry, disable, ...rest } = policy;
  return {
    profile: random.pick(PROFILES),
    policy: {
      ...rest,
      ...(retry === undefined || random.chance(0.5) ? {} : { retry }),
      ...(disable === undefined || random.chance(0.5) ? {} : { disable }),
    },
  };
}

/** For one that is changed, too: its profile stays. */
export function furtherPolicy(
  policy: DestinationPolicy,
  random: SeededRandom,
  { exponential }: Further,
): DestinationPolicy {
  if (!random.chance(exponential)) return policy;
  const { jitter, window_s: windowS } = policy.retry ?? {};
  return {
    ...policy,
    retry: {
      base_s: random.pick([0.2, 1, 3]),
      factor: random.pick([1, 1.5, 2, 3]),
      cap_s: random.pick([3, 20, 600]),
      count: random.int(0, 6),
      ...(jitter === undefined ? {} : { jitter }),
      ...(windowS === undefined ? {} : { window_s: windowS }),
    },
  };
}

const STREAM = 0x2545_f491;

export function furtherRandom(seed: number): SeededRandom {
  return new SeededRandom(seed ^ STREAM);
}

/** Few, so that they are wanted. */
function placesOf(random: SeededRandom): Pick<Further, 'shared' | 'origin' | 'ownPlaces'> {
  if (random.chance(0.7)) return { shared: {}, origin: 0, ownPlaces: 0 };
  return {
    shared: {
      ...(random.chance(0.5) ? { maxPerTenant: random.int(1, 4) } : {}),
      ...(random.chance(0.5) ? { maxPerOrigin: random.int(1, 3) } : {}),
    },
    origin: random.pick([0, 0.7, 1]),
    ownPlaces: random.pick([0, 0.5]),
  };
}

/** Whether anything of another lane's may hold up a lane. */
export function hasSharedPlaces({ shared, ownPlaces }: Further): boolean {
  return Object.keys(shared).length > 0 || ownPlaces > 0;
}

export function originOf(random: SeededRandom, { origin }: Further): { origin?: string } {
  return random.chance(origin) ? { origin: `o${random.int(1, 2)}` } : {};
}

/** `null`: it has none. */
export function ownPlacesOf(random: SeededRandom, { ownPlaces }: Further): OwnPlaces | null {
  if (!random.chance(ownPlaces)) return null;
  return random.chance(0.5)
    ? { concurrency: random.int(1, 3) }
    : { concurrency_per_origin: random.int(1, 2) };
}

export function furtherOf(random: SeededRandom): Further {
  const some = (often: number) => (random.chance(0.5) ? often : 0);
  return {
    outage: some(0.1),
    wish: some(0.5),
    profile: some(0.5),
    exponential: some(0.5),
    ...placesOf(random),
  };
}
