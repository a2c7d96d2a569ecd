/** Who does something to a world. */
import type { SeededRandom } from '../support/simulated-random.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

/** What those who do something to an installation have in common. */
export interface Cast {
  readonly world: World;
  readonly scenario: Scenario;
  readonly random: SeededRandom;
  /** For what is not of scenario.ts (further.ts). */
  readonly more: SeededRandom;
}
