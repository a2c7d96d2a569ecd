/** The PostgreSQL driver, for the conformance suite: a schema for each database, a pool for each storage. */
import { setImmediate } from 'node:timers/promises';

import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { StorageDriver } from '../conformance/storage-driver.ts';
import { schemaOf } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';

export function postgresDriver(server: PostgresServer): StorageDriver {
  return {
    name: 'PostgreSQL',
    can: { leaveZombies: true, moveClock: false, restartCheaply: false },
    async open() {
      const url = await server.createSchema();
      const opened: { storage: Storage; clock: StoppableClock }[] = [];
      const openNext = async () => {
        const clock = stoppableClock();
        const next = await openPostgresStorage({ url, clock });
        opened.push({ storage: next, clock });
        return next;
      };
      let storage = await openNext();
      return {
        get storage() {
          return storage;
        },
        nowMs: () => systemClock.nowMs(),
        async tick() {
          const before = systemClock.nowMs();
          while (systemClock.nowMs() <= before) await setImmediate();
        },
        async restart() {
          await storage.close();
          opened.pop();
          storage = await openNext();
          return storage;
        },
        async crash() {
          // It renews its lease no more, and the lease runs out.
          opened.at(-1)?.clock.stop();
          await server.query(`UPDATE ${schemaOf(url)}.nodes SET lease_until = '-infinity'`);
          storage = await openNext();
          return storage;
        },
        moveClock() {
          throw new Error('this driver goes by the clock of the system');
        },
        async dispose() {
          await Promise.all(opened.map((each) => each.storage.close()));
          await server.dropSchema(url);
        },
      };
    },
  };
}

interface StoppableClock extends Clock {
  /** Its timers do nothing any more. */
  stop(): void;
}

function stoppableClock(): StoppableClock {
  let isStopped = false;
  return {
    ...systemClock,
    schedule: (delayMs, callback) =>
      systemClock.schedule(delayMs, () => {
        if (!isStopped) callback();
      }),
    stop() {
      isStopped = true;
    },
  };
}
