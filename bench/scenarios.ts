/** All scenarios, in the order in which they run. */
import type { Scenario } from './bench.ts';
import { bare } from './scenarios/bare.ts';
import { batched } from './scenarios/batched.ts';
import { drain } from './scenarios/drain.ts';
import { filters } from './scenarios/filters.ts';
import { idle } from './scenarios/idle.ts';
import { isolationMany } from './scenarios/isolation-many.ts';
import { isolation } from './scenarios/isolation.ts';
import { laneOwners } from './scenarios/lane-owners.ts';
import { latency } from './scenarios/latency.ts';
import { manyMetrics, metrics } from './scenarios/metrics.ts';
import { postgresBatched } from './scenarios/postgres-batched.ts';
import { postgresLatency } from './scenarios/postgres-latency.ts';
import { postgresSingle } from './scenarios/postgres-single.ts';
import { profiles } from './scenarios/profiles.ts';
import { scaleOut } from './scenarios/scale-out.ts';
import { single } from './scenarios/single.ts';
import { startup } from './scenarios/startup.ts';
import { store } from './scenarios/store.ts';
import { waiting } from './scenarios/waiting.ts';

export const SCENARIOS: readonly Scenario[] = [
  bare,
  batched,
  single,
  profiles,
  drain,
  latency,
  isolation,
  isolationMany,
  filters,
  idle,
  startup,
  metrics,
  postgresBatched,
  postgresSingle,
  postgresLatency,
  waiting,
  store,
  manyMetrics,
  scaleOut,
  laneOwners,
];
