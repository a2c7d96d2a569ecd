/** From an application's transactions into the event store, over a real PostgreSQL. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import type { OutboxVerdict } from '../../src/domain/outbox.ts';
import { outboxFamilies } from '../../src/telemetry/outbox-metrics.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { EventView, ListView } from '../support/api-views.ts';
import { publishIn, startApplication } from '../support/outbox-application.ts';
import type { Application } from '../support/outbox-application.ts';
import { clockWith, MAX_PAYLOAD_BYTES, startRelay } from '../support/outbox-relay.ts';
import type { RunningRelay } from '../support/outbox-relay.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();
if (reason !== null) describe('the outbox', () => it.skip(reason));
else describeRelay();

function describeRelay() {
  const api = useApi();
  const server = usePostgresServer();

  /** Of one tenant, in the order in which the event store took them. */
  async function stored(tenantId: string): Promise<readonly EventView[]> {
    const page = await api().engine.storage.eventList({
      tenantIds: [tenantId],
      ids: [],
      topics: [],
      destinationId: null,
      time: { fromMs: null, toMs: null },
      page: { limit: 1000, order: 'asc', from: null },
    });
    const ids = page.rows.toSorted((a, b) => a.seq - b.seq).map(({ id }) => id);
    const { body } = await api().get<ListView<EventView>>(
      `/v1/events?tenant_id=${tenantId}&limit=1000`,
    );
    const byId = new Map(body.models.map((event) => [event.id, event]));
    return ids.flatMap((id) => byId.get(id) ?? []);
  }

  const idsOf = async (tenantId: string) => (await stored(tenantId)).map(({ id }) => id);
  const untilStored = (tenantId: string, count: number) =>
    until(`${count} events of ${tenantId}`, async () => {
      const ids = await idsOf(tenantId);
      return ids.length >= count ? ids : undefined;
    });
  const untilEmpty = (application: Application) =>
    until('the outbox to be empty', async () =>
      (await application.rows('angarium_outbox')).length === 0 ? true : undefined,
    );
  const measuresOf = ({ outboxes }: RunningRelay) => outboxes.measures()[0];

  it('stores an event as it was published, with all that belongs to it', async () => {
    const tenant = await api().tenant();
    const { id: destinationId } = await api().destination(tenant);
    const application = await startApplication(server);
    startRelay(api(), application.place);
    await server.query(`
      SELECT ${application.place.schema}.angarium_publish(
        '${tenant}', 'order.placed', '{"total": 10.0, "b":2,"a":1e2}',
        id => 'order-1',
        metadata => '{"source": "shop"}',
        order_key => 'orders/1',
        eligible_for_retry => false,
        event_time => '2026-01-02T03:04:05.678+02:00',
        destination_id => '${destinationId}',
        resource => '{"urn": "urn:order:1", "vector_clock": {"a": 3}}')`);
    await untilStored(tenant, 1);
    const [event] = await stored(tenant);
    expect(event).toMatchObject({
      id: 'order-1',
      topic: 'order.placed',
      time: '2026-01-02T01:04:05.678Z',
      eligible_for_retry: false,
      metadata: { source: 'shop' },
      order_key: 'orders/1',
      resource: { urn: 'urn:order:1', vector_clock: { a: 3 } },
      matched_destination_ids: [destinationId],
    });
    const [message] = await api().receiver.wait('/ok', 1);
    expect(message?.body.toString()).toContain('{"total": 10.0, "b":2,"a":1e2}');
    await untilEmpty(application);
  });

  it('publishes nothing that was rolled back', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    startRelay(api(), application.place);
    const client = await application.connect();
    await client.query('BEGIN');
    await publishIn(client, application.place.schema, { tenant, id: 'undone' });
    await application.publish({ tenant, id: 'kept-1' });
    await untilStored(tenant, 1);
    await client.query('ROLLBACK');
    await application.publish({ tenant, id: 'kept-2' });
    expect(await untilStored(tenant, 2)).toEqual(['kept-1', 'kept-2']);
    await untilEmpty(application);
  });

  it('skips no event whose transaction began first and commits last', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    startRelay(api(), application.place);
    const { schema } = application.place;
    const [slow, other] = [await application.connect(), await application.connect()];
    await slow.query('BEGIN');
    await publishIn(slow, schema, { tenant, id: 'low' });
    for (let n = 1; n <= 3; n++) {
      await other.query('BEGIN');
      await publishIn(other, schema, { tenant, id: `high-${n}` });
      await other.query('COMMIT');
    }
    expect(await untilStored(tenant, 3)).toEqual(['high-1', 'high-2', 'high-3']);
    await untilEmpty(application);
    await slow.query('COMMIT');
    expect(await untilStored(tenant, 4)).toEqual(['high-1', 'high-2', 'high-3', 'low']);
    await untilEmpty(application);
  });

  it('stores what follows from another’s commit after it, whoever began first', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    const { schema } = application.place;
    await server.query(`CREATE TABLE ${schema}.orders AS SELECT 'placed' AS status`);
    const [early, late] = [await application.connect(), await application.connect()];
    // The early one has the lower transaction id, and acts on what the late one has committed.
    await early.query(`BEGIN; SELECT pg_current_xact_id()`);
    await late.query(`BEGIN; UPDATE ${schema}.orders SET status = 'paid'`);
    await publishIn(late, schema, { tenant, id: 'paid' });
    await late.query('COMMIT');
    await early.query(`UPDATE ${schema}.orders SET status = 'shipped' WHERE status = 'paid'`);
    await publishIn(early, schema, { tenant, id: 'shipped' });
    await early.query('COMMIT');
    startRelay(api(), application.place);
    expect(await untilStored(tenant, 2)).toEqual(['paid', 'shipped']);
  });

  it('stores each event of many writers once, each writer’s in its order', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    const relay = startRelay(api(), application.place);
    const writers = 8;
    const each = 40;
    const write = async (writer: number) => {
      const client = await application.connect();
      for (let n = 0; n < each; n++) {
        await client.query('BEGIN');
        const id = `w${writer}-${String(n).padStart(3, '0')}`;
        await publishIn(client, application.place.schema, { tenant, id });
        // Commits come in another order than the calls.
        if (n % 4 === writer % 4) await pause(n % 7);
        await client.query(n % 5 === 4 ? 'ROLLBACK' : 'COMMIT');
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    const kept = writers * each * 0.8;
    const ids = await untilStored(tenant, kept);
    await untilEmpty(application);
    expect(ids).toHaveLength(kept);
    for (let writer = 0; writer < writers; writer++) {
      const own = ids.filter((id) => id.startsWith(`w${writer}-`));
      expect(own).toEqual(own.toSorted());
      expect(own).toHaveLength(each * 0.8);
    }
    expect(measuresOf(relay)).toMatchObject({ published: kept, duplicates: 0, refused: 0 });
  });

  it('keeps the order of one transaction with more events than a round takes', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    startRelay(api(), application.place);
    const call = `${application.place.schema}.angarium_publish('${tenant}', 'a', '{}', id => to_char(n, 'FM0000'))`;
    await server.query(`DO $$ BEGIN FOR n IN 1..999 LOOP PERFORM ${call}; END LOOP; END $$`);
    const ids = await untilStored(tenant, 999);
    expect(ids).toEqual(ids.toSorted());
    expect(ids).toHaveLength(999);
  });

  it('stores an event once where the relay ended between storing and taking it out', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    await application.publish({ tenant, id: 'twice' });
    let isFirst = true;
    const relay = startRelay(api(), application.place, {
      wrap: (publish) => async (events) => {
        const verdicts = await publish(events);
        if (!isFirst) return verdicts;
        isFirst = false;
        throw new Error('it ended here');
      },
    });
    await untilEmpty(application);
    expect(await idsOf(tenant)).toEqual(['twice']);
    await until('it to be counted', () => (measuresOf(relay)?.duplicates === 1 ? true : undefined));
    expect(measuresOf(relay)).toMatchObject({ published: 0, refused: 0 });
  });

  it('puts refused events aside with the reason, and goes on; they can be tried again', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    const relay = startRelay(api(), application.place);
    const { schema } = application.place;
    const client = await application.connect();
    await client.query('BEGIN');
    await publishIn(client, schema, { tenant, id: 'same', data: { n: 1 } });
    await publishIn(client, schema, { tenant, id: 'same', data: { n: 2 } });
    await publishIn(client, schema, { tenant, id: 'no.dots' });
    await publishIn(client, schema, { tenant: `${tenant}-unknown`, id: 'early' });
    await publishIn(client, schema, { tenant, id: 'large', data: { text: 'x'.repeat(10_001) } });
    const huge = { text: 'x'.repeat(MAX_PAYLOAD_BYTES + 600_000) };
    await publishIn(client, schema, { tenant, id: 'huge', data: huge });
    await publishIn(client, schema, { tenant, id: 'last' });
    await client.query('COMMIT');
    expect(await untilStored(tenant, 2)).toEqual(['same', 'last']);
    await untilEmpty(application);
    const failed = await application.rows('angarium_outbox_failed');
    expect(failed.map((row) => [row['event_id'], row['code'], row['reason']])).toEqual([
      ['same', 'event_conflict', expect.stringContaining('with other content')],
      ['no.dots', 'validation_failed', expect.stringContaining('/id: An event’s id has')],
      ['early', 'tenant_not_found', expect.stringContaining('no such tenant')],
      ['large', 'payload_too_large', expect.stringContaining('larger than 10000 bytes')],
      ['huge', 'payload_too_large', expect.stringContaining('larger than 10000 bytes')],
    ]);
    expect(measuresOf(relay)).toMatchObject({ published: 2, refused: 5 });
    expect(relay.said).toEqual([expect.stringMatching(/^5 refused: event_conflict: /)]);

    await api().put(`/v1/tenants/${tenant}-unknown`);
    const early = String(failed[2]?.['position']);
    expect(
      await server.query(`SELECT ${schema}.angarium_outbox_retry(ARRAY[${early}]) AS count`),
    ).toEqual([{ count: '1' }]);
    expect(await untilStored(`${tenant}-unknown`, 1)).toEqual(['early']);
    expect(await application.rows('angarium_outbox_failed')).toHaveLength(4);
  });

  it('lets a tenant that has used up its rate wait, in its order, and no other', async () => {
    const [busy, calm] = [await api().tenant(), await api().tenant()];
    await api().put(`/v1/tenants/${busy}`, { limits: { publish_per_minute: 1200 } });
    const application = await startApplication(server);
    const client = await application.connect();
    await client.query('BEGIN');
    const ids = Array.from({ length: 40 }, (_, n) => `b${String(n).padStart(2, '0')}`);
    for (const id of ids) await publishIn(client, application.place.schema, { tenant: busy, id });
    await publishIn(client, application.place.schema, { tenant: calm, id: 'calm' });
    await client.query('COMMIT');
    const rounds: { kinds: string[]; lagMs: number | undefined }[] = [];
    const relay = startRelay(api(), application.place, {
      wrap: (publish) => async (events) => {
        // The bucket holds a minute's worth, and fills up with time: a few are left at the moment of the first round.
        for (let n = rounds.length === 0 ? 0 : 1190; n < 1190; n++)
          api().engine.quota.take({ tenantId: busy, data: Buffer.alloc(0) }, null);
        const verdicts = await publish(events);
        rounds.push({ kinds: verdicts.map(({ kind }) => kind), lagMs: measuresOf(relay)?.lagMs });
        return verdicts;
      },
    });
    expect(await untilStored(busy, 40)).toEqual(ids);
    expect(await idsOf(calm)).toEqual(['calm']);
    await untilEmpty(application);
    const { kinds = [], lagMs } = rounds[0] ?? {};
    const waits = kinds.indexOf('later');
    expect(waits).toBeGreaterThanOrEqual(10);
    expect(kinds).toEqual([
      ...Array.from({ length: waits }, () => 'stored'),
      ...Array.from({ length: 40 - waits }, () => 'later'),
      'stored',
    ]);
    expect(lagMs).toBeGreaterThan(0);
    expect(await application.rows('angarium_outbox_failed')).toEqual([]);
  });

  it('keeps what the event store takes not now, and tries again', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    let refusals = 0;
    startRelay(api(), application.place, {
      wrap: (publish) => async (events) => {
        if (++refusals > 2) return publish(events);
        return events.map((): OutboxVerdict => ({ kind: 'unavailable' }));
      },
    });
    await application.publish({ tenant, id: 'patient' });
    expect(await untilStored(tenant, 1)).toEqual(['patient']);
    expect(refusals).toBeGreaterThan(2);
    expect(await application.rows('angarium_outbox_failed')).toEqual([]);
  });

  it('does not let an event that breaks something keep the others for ever', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    startRelay(api(), application.place, {
      clock: clockWith((delayMs) => Math.min(delayMs, 20)),
      wrap: (publish) => async (events) => {
        const broken: OutboxVerdict = { kind: 'broken', code: 'internal', reason: 'It broke.' };
        const verdicts: OutboxVerdict[] = [];
        for (const event of events) {
          const isBad = event.includes('"poison"');
          verdicts.push(...(isBad ? [broken] : await publish([event])));
        }
        return verdicts;
      },
    });
    await application.publish({ tenant, id: 'poison' });
    await until('it to be put aside', async () =>
      (await application.rows('angarium_outbox_failed')).find((row) => row['code'] === 'internal'),
    );
    await application.publish({ tenant, id: 'next' });
    expect(await untilStored(tenant, 1)).toEqual(['next']);
  });

  it('is done by one of several relays at a time; the next one takes over', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    const relays = [startRelay(api(), application.place), startRelay(api(), application.place)];
    const published = () => relays.map((relay) => measuresOf(relay)?.published ?? 0);
    for (let n = 0; n < 20; n++) await application.publish({ tenant });
    await untilStored(tenant, 20);
    await untilEmpty(application);
    expect(published().toSorted((a, b) => a - b)).toEqual([0, 20]);
    const [first, second] = published()[0] === 20 ? relays : relays.toReversed();
    await first?.stop();
    await application.publish({ tenant });
    await untilStored(tenant, 21);
    await until('the other to have done it', () =>
      second !== undefined && measuresOf(second)?.published === 1 ? true : undefined,
    );
  });

  it('says what lag there is, and what became of events', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    let isOpen = false;
    const relay = startRelay(api(), application.place, {
      wrap: (publish) => (events) =>
        isOpen
          ? publish(events)
          : Promise.resolve(events.map((): OutboxVerdict => ({ kind: 'unavailable' }))),
    });
    await until('the first look', () => (measuresOf(relay)?.isUp === true ? true : undefined));
    expect(measuresOf(relay)?.lagMs).toBe(0);
    await application.publish({ tenant });
    const first = await until('a lag', () => {
      const lagMs = measuresOf(relay)?.lagMs ?? 0;
      return lagMs > 0 ? lagMs : undefined;
    });
    await until('it to grow', () =>
      (measuresOf(relay)?.lagMs ?? 0) > first + 100 ? true : undefined,
    );
    isOpen = true;
    await until('it to end', () => (measuresOf(relay)?.lagMs === 0 ? true : undefined));
    const families = outboxFamilies(relay.outboxes.measures());
    expect(
      families.map(({ name, samples }) => [
        name,
        samples[0]?.labels?.['outbox'],
        samples[0]?.value,
      ]),
    ).toEqual([
      ['angarium_outbox_up', application.place.schema, 1],
      ['angarium_outbox_lag_seconds', application.place.schema, 0],
      ['angarium_outbox_published_total', application.place.schema, 1],
      ['angarium_outbox_duplicates_total', application.place.schema, 0],
      ['angarium_outbox_refused_total', application.place.schema, 0],
    ]);
  });

  it('is woken by a commit where commits notify', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server, { notify: true });
    const rounds: number[] = [];
    startRelay(api(), application.place, {
      // Of itself it never looks again.
      clock: clockWith((delayMs) => (delayMs < 100 ? delayMs : 1e9)),
      wrap: (publish) => (events) => {
        rounds.push(events.length);
        return publish(events);
      },
    });
    await until('it to listen', async () => {
      const rows = await server.query(
        `SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN angarium_outbox' AND state = 'idle'`,
      );
      return rows[0];
    });
    for (let n = 1; n <= 10; n++) {
      await application.publish({ tenant });
      await untilStored(tenant, n);
    }
    expect(rounds).toEqual(Array.from({ length: 10 }, () => 1));
  });

  it('waits until there is an outbox, and says once what to do', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server, { install: false });
    const { installOutbox } = await import('../../src/outbox/install.ts');
    const relay = startRelay(api(), application.place);
    await until('it to say so', () => relay.said[0]);
    expect(measuresOf(relay)?.isUp).toBe(false);
    await installOutbox(application.place, false);
    await application.publish({ tenant, id: 'at-last' });
    expect(await untilStored(tenant, 1)).toEqual(['at-last']);
    await until('it to say so', () => relay.said[1]);
    expect(relay.said).toEqual([
      expect.stringMatching(
        /^away: postgres:\/\/127\.0\.0\.1:\d+\/postgres: .*angarium outbox install$/,
      ),
      'back',
    ]);
  });

  it('says once that its role may not delete, and goes on when it may', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    const { schema, url } = application.place;
    const role = `relay_${schema}`;
    await server.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret';
      GRANT USAGE ON SCHEMA ${schema} TO ${role};
      GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role};
      GRANT SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role};
      GRANT UPDATE (relay, relay_until) ON ${schema}.angarium_outbox_state TO ${role}`);
    try {
      await application.publish({ tenant, id: 'once' });
      let rounds = 0;
      const relay = startRelay(
        api(),
        { ...application.place, url: url.replace('angarium:angarium', `${role}:secret`) },
        {
          clock: clockWith((delayMs) => Math.min(delayMs, 20)),
          wrap: (publish) => (events) => {
            rounds++;
            return publish(events);
          },
        },
      );
      await until('several rounds', () => (rounds >= 4 ? true : undefined));
      expect(relay.said).toEqual([
        expect.stringMatching(/permission denied.*: grant this role what angarium outbox install/),
      ]);
      expect(measuresOf(relay)).toMatchObject({ isUp: false });
      await server.query(`GRANT DELETE ON ${schema}.angarium_outbox TO ${role}`);
      await untilEmpty(application);
      await until('it to say so', () => (relay.said[1] === 'back' ? true : undefined));
      await relay.stop();
    } finally {
      await server.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
    expect(await idsOf(tenant)).toEqual(['once']);
  });

  it('touches nothing of a newer outbox', async () => {
    const tenant = await api().tenant();
    const application = await startApplication(server);
    const { schema } = application.place;
    await server.query(`UPDATE ${schema}.angarium_outbox_state SET version = 999`);
    await application.publish({ tenant });
    const relay = startRelay(api(), application.place);
    await until('it to say so', () => relay.said[0]);
    expect(relay.said[0]).toMatch(
      /has version 999, and this Angarium knows only \d+: start the newer/,
    );
    expect(await application.rows('angarium_outbox')).toHaveLength(1);
    expect(await idsOf(tenant)).toEqual([]);
  });
}
