/**
 * Three nodes over one PostgreSQL, half a minute of load, and each kind of trouble once. Budget: 60 s. More: `npm run chaos`.
 *
 * `ANGARIUM_TEST_SEED` repeats the faults and their moments; what the processes make of them is never quite the same.
 */
import { describe, expect, it } from 'vitest';

import { whyNoOwnPostgres } from '../support/postgres-server.ts';
import { runChaos } from './chaos.ts';
import { findClockLibrary } from './nodes.ts';
import { KINDS } from './plan.ts';
import { linesOf } from './report.ts';

const reason = await whyNoOwnPostgres();

describe.skipIf(reason !== null)('three nodes under chaos', () => {
  it(
    'lose nothing, invent nothing, keep order, repeat only what a fault explains, and count right',
    { timeout: 400_000 },
    async () => {
      const seed = Number(process.env['ANGARIUM_TEST_SEED'] ?? Date.now() % 1_000_000);
      const said: string[] = [];
      const report = await runChaos({
        seed,
        seconds: 30,
        rate: 60,
        say: (line) => said.push(line),
      });
      console.log([`chaos: seed ${seed}`, ...linesOf(report)].join('\n'));
      expect(report.violations, said.join('\n')).toEqual([]);
      const isInstalled = process.env['CI'] !== undefined || findClockLibrary() !== null;
      const kinds = KINDS.filter((kind) => kind !== 'clock' || isInstalled);
      expect(new Set(report.faults.keys())).toEqual(new Set(kinds));
      expect(report.accepted).toBeGreaterThan(100);
      expect(report.attempts).toBeGreaterThan(200);
    },
  );
});
