/** What the operator is told, where the process dies at any moment: nothing of it is lost, and nothing comes twice. */
import { describe, expect, test } from 'vitest';

import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { OPERATOR_TENANT } from '../../src/domain/operator-tenant.ts';
import { changeDestination, getDestination } from '../../src/engine/manage-destinations.ts';
import type { Behaviour } from '../support/simulated-receivers.ts';
import { Stage } from './stage.ts';

const OK = { kind: 'ok', latencyMs: 5 } as const;
const status = (code: number): Behaviour => ({ kind: 'status', latencyMs: 5, status: code });
const ONCE = { retry: { delays_s: [] } } as const;
/** From the commit of the publish to long after the last of it was told. */
const MOMENTS = Array.from({ length: 30 }, (_, index) => 5 + index * 0.75);

interface Trouble {
  readonly behaviour: Behaviour;
  readonly policy?: DestinationPolicy;
  readonly profile?: string;
}

/** Of the operator’s own events, in the order in which they were published. */
async function operatorEvents(stage: Stage) {
  const { storage } = stage.process.engine;
  const { rows } = await stage.during(
    storage.eventList({
      ids: [],
      tenantIds: [OPERATOR_TENANT],
      topics: [],
      destinationId: null,
      time: { fromMs: null, toMs: null },
      page: { limit: 1000, order: 'asc', from: null },
    }),
  );
  return rows;
}

/** Topics of what came to the operator; the process was killed so long after the trouble began. */
async function toldBeside(
  { behaviour, policy = {}, profile }: Trouble,
  crashAfterMs: number,
  begin: (stage: Stage) => Promise<void> = async (stage) => stage.publish('t'),
): Promise<{ topics: string[]; audited: string[] }> {
  const stage = new Stage();
  await stage.begin();
  const operator = await stage.destination({
    tenantId: OPERATOR_TENANT,
    name: 'operator',
    behaviour: OK,
  });
  const scene = { tenantId: 't', name: 'r', behaviour, policy };
  await stage.destination(profile === undefined ? scene : { ...scene, profile });
  await begin(stage);
  await stage.world.pass(crashAfterMs);
  stage.world.crash();
  stage.world.boot();
  await stage.world.clock.advanceUntil(() => stage.world.process !== null, 10_000);
  await stage.world.pass(30_000);
  const { storage } = stage.process.engine;
  const rows = await operatorEvents(stage);
  const audit = await stage.during(
    storage.auditList({
      tenantIds: ['t'],
      actorIds: [],
      actions: [],
      resourceIds: [],
      time: { fromMs: null, toMs: null },
      page: { limit: 100, order: 'asc', from: null },
    }),
  );
  // Each that was published has come.
  const came = new Set(operator.requests.map(({ eventId }) => eventId));
  expect(came).toEqual(new Set(rows.map(({ id }) => id)));
  await stage.world.close();
  return {
    topics: rows.map(({ topic }) => topic).toSorted(),
    audited: audit.rows.map(({ actor, action }) => `${actor.kind} ${actor.name} ${action}`),
  };
}

describe('killed at any moment, it tells once', () => {
  test('of a delivery that failed for good', async () => {
    for (const moment of MOMENTS) {
      const { topics } = await toldBeside({ behaviour: status(500), policy: ONCE }, moment);
      expect(topics, `killed after ${moment} ms`).toEqual(['delivery.failed']);
    }
  });

  test('of a destination that it disabled because the schedule was used up', async () => {
    for (const moment of MOMENTS) {
      const policy = { ...ONCE, disable: { on_exhausted: true } };
      const { topics, audited } = await toldBeside({ behaviour: status(503), policy }, moment);
      expect(topics, `killed after ${moment} ms`).toEqual([
        'delivery.failed',
        'destination.disabled',
      ]);
      expect(audited).toEqual(['engine exhausted destination.disabled']);
    }
  });

  test('of a receiver that is gone, and was unsubscribed', async () => {
    for (const moment of MOMENTS) {
      const told = await toldBeside({ behaviour: status(410), profile: 'basekit' }, moment);
      expect(told.topics, `killed after ${moment} ms`).toEqual([
        'delivery.failed',
        'destination.unsubscribed',
      ]);
      expect(told.audited).toEqual(['engine gone destination.deleted']);
    }
  });

  test('of an end', async () => {
    for (const moment of MOMENTS) {
      const { topics, audited } = await toldBeside({ behaviour: OK }, moment, async (stage) => {
        const { engine } = stage.process;
        const expiresAtMs = engine.clock.nowMs() + 60_000;
        await stage.during(changeDestination(engine, { tenantId: 't', id: 'r' }, { expiresAtMs }));
        await stage.world.pass(60_000 - 15);
      });
      expect(topics, `killed after ${moment} ms`).toEqual([
        'destination.expired',
        'destination.expiring',
      ]);
      expect(audited).toEqual(['engine expired destination.disabled']);
    }
  });
});

test('of the operator’s own destination nothing is told, however it fares', async () => {
  const stage = new Stage();
  await stage.begin();
  const policy = { ...ONCE, disable: { consecutive_failures: 12 } };
  const operator = await stage.destination({
    tenantId: OPERATOR_TENANT,
    name: 'operator',
    behaviour: status(500),
    policy,
    topics: ['*', 'attempt.*'],
  });
  await stage.destination({
    tenantId: 't',
    name: 'r',
    behaviour: status(500),
    policy: { ...ONCE, disable: { consecutive_failures: 4 } },
  });
  for (let n = 0; n < 6; n++) {
    stage.publish('t');
    await stage.world.pass(1000);
  }
  await stage.world.pass(10 * 60_000);
  // All that happens to a destination has happened to it: it began to fail, and was disabled.
  const { engine } = stage.process;
  const key = { tenantId: OPERATOR_TENANT, id: 'operator' };
  const own = await stage.during(getDestination(engine, key));
  expect(own?.state).toMatchObject({ status: 'disabled', reason: 'consecutive_failures' });
  expect(operator.requests.length).toBe(12);
  const events = await operatorEvents(stage);
  expect(events.map(({ topic }) => topic).toSorted()).toEqual([
    ...Array.from({ length: 4 }, () => 'attempt.failed'),
    ...Array.from({ length: 4 }, () => 'delivery.failed'),
    'destination.disabled',
    ...Array.from({ length: 3 }, () => 'destination.failing'),
  ]);
  await stage.world.close();
});
