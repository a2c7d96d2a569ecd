/** How events of an outbox come into the event store; without a PostgreSQL. */
import { expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { createOutboxDoor } from '../../src/http/outbox-door.ts';
import { withApi } from '../support/api-server.ts';

it('lets all of a tenant wait that follow one that has to, also where its rate has room again', async () => {
  let stepMs = 0;
  let aheadMs = 0;
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() + (aheadMs += stepMs),
  };
  await withApi({ clock }, async (api) => {
    const [busy, calm] = [await api.tenant(), await api.tenant()];
    const door = createOutboxDoor({
      engine: api.engine,
      limits: {
        maxPayloadBytes: 1000,
        maxBatchBytes: 1000,
        maxDestinationsPerTenant: 1,
        retentionDays: 7,
        maxPublishPerMinute: 1,
      },
    });
    const event = (tenant: string, id: string) =>
      Buffer.from(JSON.stringify({ tenant_id: tenant, id, topic: 'a', data: {} }));
    expect(await door([event(busy, '1')])).toEqual([{ kind: 'stored', duplicate: false }]);
    // Three more looks at the time, and the minute of the second event is over.
    stepMs = 25_000;
    const verdicts = await door([
      event(busy, '2'),
      event(busy, '3'),
      event(busy, '4'),
      event(calm, '5'),
    ]);
    stepMs = 0;
    expect(verdicts.map(({ kind }) => kind)).toEqual(['later', 'later', 'later', 'stored']);
  });
});

it('gives a verdict for each, in order, with the reason of what is refused', async () => {
  await withApi({}, async (api) => {
    const tenant = await api.tenant();
    const door = createOutboxDoor({
      engine: api.engine,
      limits: {
        maxPayloadBytes: 1000,
        maxBatchBytes: 1000,
        maxDestinationsPerTenant: 1,
        retentionDays: 7,
        maxPublishPerMinute: null,
      },
    });
    const bodies = [
      { tenant_id: tenant, id: 'a', topic: 'a', data: {} },
      { tenant_id: tenant, id: 'a', topic: 'a', data: {} },
      { tenant_id: tenant, id: 'a', topic: 'b', data: {} },
      { tenant_id: 'nobody', topic: 'a', data: {} },
      { tenant_id: tenant, topic: '*', order_key: '', data: {} },
    ].map((body) => Buffer.from(JSON.stringify(body)));
    expect(await door(bodies)).toEqual([
      { kind: 'stored', duplicate: false },
      { kind: 'stored', duplicate: true },
      { kind: 'refused', code: 'event_conflict', reason: expect.stringContaining('other content') },
      {
        kind: 'refused',
        code: 'tenant_not_found',
        reason: expect.stringContaining('no such tenant'),
      },
      {
        kind: 'refused',
        code: 'validation_failed',
        reason:
          '/topic: A topic has 1 to 255 visible ASCII characters, none of them `*`. /order_key: An order key has 1 to 255 visible ASCII characters.',
      },
    ]);
  });
});
