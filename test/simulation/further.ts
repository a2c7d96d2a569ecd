/**
 * What worlds have beside what scenario.ts says, drawn from a stream of chance of its own: where none of it is on, a world
 * is the one that it was before there was any of it.
 */
import { SeededRandom } from '../support/simulated-random.ts';

/** How often each is; where all are 0, nothing of this is at work. */
export interface Further {
  /** Of steps: a receiver fails for a while, and is published to meanwhile. */
  readonly outage: number;
}

const STREAM = 0x2545_f491;

export function furtherRandom(seed: number): SeededRandom {
  return new SeededRandom(seed ^ STREAM);
}

export function furtherOf(random: SeededRandom): Further {
  const some = (often: number) => (random.chance(0.5) ? often : 0);
  return {
    outage: some(0.1),
  };
}
