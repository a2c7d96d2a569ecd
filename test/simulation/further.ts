/**
 * What worlds have beside what scenario.ts says, drawn from a stream of chance of its own: where none of it is on, a world
 * is the one that it was before there was any of it.
 */
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { SeededRandom } from '../support/simulated-random.ts';

/** How often each is; where all are 0, nothing of this is at work. */
export interface Further {
  /** Of steps: a receiver fails for a while, and is published to meanwhile. */
  readonly outage: number;
  /** Of outages: the receiver asks for its end, with 410 or `webhook-delivery: disable`. */
  readonly wish: number;
  /** Of destinations: another profile than the standard one, perhaps with its schedule and its rule. */
  readonly profile: number;
}

const PROFILES = ['baack', 'balkanid', 'basekit', 'basekit', 'baxcloud', 'standard'];

export interface Chosen {
  /** `null`: none is named. */
  readonly profile: string | null;
  readonly policy: DestinationPolicy;
}

/** What becomes of a destination that was to have the policy. */
export function chosenFor(
  policy: DestinationPolicy,
  random: SeededRandom,
  further: Further,
): Chosen {
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

const STREAM = 0x2545_f491;

export function furtherRandom(seed: number): SeededRandom {
  return new SeededRandom(seed ^ STREAM);
}

export function furtherOf(random: SeededRandom): Further {
  const some = (often: number) => (random.chance(0.5) ? often : 0);
  return {
    outage: some(0.1),
    wish: some(0.5),
    profile: some(0.5),
  };
}
