/** All scenarios, in the order in which they run. */
import type { Scenario } from './bench.ts';
import { bare } from './scenarios/bare.ts';
import { batched } from './scenarios/batched.ts';
import { single } from './scenarios/single.ts';

export const SCENARIOS: readonly Scenario[] = [bare, batched, single];
