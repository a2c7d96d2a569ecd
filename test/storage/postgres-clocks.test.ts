/** Nodes whose clocks are not that of the database, and what each of them has told. */
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import {
  attemptOf,
  claim,
  failureOf,
  HOUR_MS,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)(
  `clocks on PostgreSQL${reason === null ? '' : `: ${reason}`}`,
  () => {
    const server = usePostgresServer();
    const nowMs = () => systemClock.nowMs() - HOUR_MS;
    const behind: Clock = { ...systemClock, nowMs };

    it('that are behind hold up nothing that is due at once, and hurry no retry', async () => {
      const url = await server.createSchema();
      const storage = await openPostgresStorage({ url, clock: behind });
      const tenantId = await seedTenant(storage, 'd');
      const first = await publish(storage, tenantId, { to: ['d'] });
      const lane = { tenantId, destinationId: 'd', limit: 1, dueBeforeMs: nowMs() };
      const waiting = await storage.waitingLanes();
      expect(waiting.map(({ firstDueAtMs }) => firstDueAtMs <= nowMs())).toEqual([true]);
      const { deliveries } = await claim(storage, lane);
      expect(deliveries.map(({ key }) => key.seq)).toEqual([first]);
      const nextAttemptAtMs = nowMs() + HOUR_MS / 2;
      const retried = failureOf({ seq: first, ordinal: 0 }, { status: 'pending', nextAttemptAtMs });
      await storage.record({ attempts: [retried] });
      const second = await publish(storage, tenantId, { to: ['d'] });
      const third = await publish(storage, tenantId, { to: ['d'] });
      const later = await claim(storage, { ...lane, limit: 10 });
      expect(later.deliveries.map(({ key }) => key.seq)).toEqual([second, third]);
      expect(later.nextDueAtMs).toBe(nextAttemptAtMs);
      await storage.close();
      await server.dropSchema(url);
    });

    it('are not asked what was told: each node has a mark, which outlives it until another has started', async () => {
      const url = await server.createSchema();
      const schema = schemaOf(url);
      const [dies, lives] = [
        await openPostgresStorage({ url }),
        await openPostgresStorage({ url }),
      ];
      const startMs = systemClock.nowMs();
      const told = async (storage: typeof dies, toldUpToMs: number) =>
        await storage.healthPut({ entries: [], toldUpToMs });
      const untold = async (storage: typeof dies) =>
        (await storage.untoldFailures({ after: null, limit: 10 })).failures.map(
          ({ delivery }) => delivery.seq,
        );
      await told(dies, startMs);
      const tenantId = await seedTenant(dies, 'd');
      const seq = await publish(dies, tenantId, { toClaimed: ['d'] });
      const failed = attemptOf({ seq, ordinal: 0 }, { verdict: { status: 'failed' } });
      await dies.record({ attempts: [{ ...failed, reason: 'timeout', response: null }] });
      await server.query(
        `UPDATE ${schema}.nodes SET lease_until = '-infinity' WHERE incarnation = 1`,
      );
      await told(lives, startMs + HOUR_MS);

      const next = await openPostgresStorage({ url });
      expect(await untold(next)).toEqual([seq]);
      await told(next, startMs + HOUR_MS);
      expect(await untold(next)).toEqual([]);
      await Promise.all([dies, lives, next].map((storage) => storage.close()));
      await server.dropSchema(url);
    });
  },
);
