/** What the configurations of Vitest have in common. */
import type { TestProjectConfiguration } from 'vitest/config';

export const everywhere = {
  pool: 'forks',
  maxWorkers: 2,
  // None of them is a promise: a machine with other work takes several times as long.
  testTimeout: 120_000,
  // What is waited for comes sooner; a machine with other work may take its time.
  expect: { poll: { timeout: 10_000 } },
  hookTimeout: 120_000,
  teardownTimeout: 10_000,
} as const;

/**
 * What takes its time: several servers and their deaths, the bench, the fuzzer. `npm test` has to be done within five
 * minutes on two cores without them; `npm run test:long` runs them, and so does `.ci/run`. Budget: nine minutes.
 */
export const LONG = [
  'test/api/fuzz.test.ts',
  'test/bench/run.test.ts',
  'test/chaos/chaos.test.ts',
  'test/fuzz/fuzz.test.ts',
  'test/e2e/migrate-data.test.ts',
  'test/e2e/policies-in-time.test.ts',
  'test/e2e/postgres.test.ts',
  'test/e2e/postgres-nodes.test.ts',
  'test/e2e/postgres-restore.test.ts',
  'test/e2e/rate-over-minutes.test.ts',
  'test/nodes/**/*.test.ts',
  'test/outbox/crash.test.ts',
  'test/outbox/install.test.ts',
  'test/outbox/relay.test.ts',
  'test/simulation/two-lines.test.ts',
  'test/storage/postgres-*.test.ts',
] as const;

/** Tests of servers in processes of their own, which `npm run test:postgres` runs on PostgreSQL too. */
export const WHOLE_SERVERS = [
  'test/e2e/isolation.test.ts',
  'test/e2e/policies.test.ts',
  'test/e2e/reencrypt.test.ts',
  'test/e2e/secrets-at-rest.test.ts',
  'test/e2e/stop.test.ts',
  'test/e2e/usage.test.ts',
] as const;

/** What stands between a server and its PostgreSQL: `npm run test:postgres` runs it, beside all tests of the API on PostgreSQL. */
export const CONNECTIONS = 'test/connections/**/*.test.ts';

/** Those files, with a server on PostgreSQL: one for the run, a schema for each. */
export function onPostgres(include: readonly string[]) {
  return {
    extends: true as const,
    test: {
      name: 'postgres',
      include: [...include],
      // Each change is a commit on a server that others share.
      testTimeout: 300_000,
      env: { ANGARIUM_TEST_STORAGE: 'postgres' },
      globalSetup: ['test/support/postgres-of-the-run.ts'],
    },
  } satisfies TestProjectConfiguration;
}
