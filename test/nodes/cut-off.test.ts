/**
 * A node that is cut off from the database for longer than its lease: the others do its work, it begins nothing any more, finds
 * out by itself, and what it had under way overwrites nothing. Budget: 35 s.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import type { DestinationType } from '../../src/destinations/destination-type.ts';
import type { RecordOutcome, Storage } from '../../src/storage/storage.ts';
import { ApiServer } from '../support/api-server.ts';
import type { AttemptView, DeliveryView, ListView } from '../support/api-views.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { startStopwatch } from '../support/stopwatch.ts';

/** Others do its work within 20 s, by the time of a thread that runs; and what it takes to send and record it. */
const RESCUED_MS = 25_000;
const DESTINATIONS = 12;
/** Events that it has in memory for one lane: one is under way, and the others wait behind it. */
const HELD = 3;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('a node that is cut off from the database', () => {
  const postgres = usePostgresServer();

  it('loses its work to the others within its lease, begins nothing after it, and finds out by itself', async () => {
    const database = await postgres.createSchema();
    const proxy = await startSilentProxy(database);
    const outcomes: RecordOutcome[] = [];
    const begun: number[] = [];
    const stopwatch = startStopwatch();
    const cutOff = await ApiServer.start({
      database: proxy.url,
      maxLookMs: 900,
      wrap: (storage) => noting(storage, outcomes),
      wrapType: (type) => notingSends(type, () => begun.push(stopwatch.elapsedMs)),
    });
    const other = await ApiServer.start({ database });
    const receiver = await startReceiver();
    const tenantId = await other.tenant();
    const ids = Array.from({ length: DESTINATIONS }, (_, index) => `d${index}`);
    for (const id of ids)
      await other.destination(tenantId, {
        id,
        config: { url: receiver.url(`/${id}`) },
        policy: { concurrency: 1 },
      });
    let events = 0;
    const publish = async (on: ApiServer) => {
      const event = { id: `e${++events}`, tenant_id: tenantId, topic: 'a', data: {} };
      expect((await on.publish(event)).status).toBe(202);
    };
    const delivered = async () => {
      const path = `/v1/deliveries?tenant_id=${tenantId}&status=delivered&limit=1000`;
      return (await other.get<ListView<DeliveryView>>(path)).body.models;
    };
    const allDelivered = async () => (await delivered()).length === events * DESTINATIONS;

    await publish(other);
    await untilTrue('each lane to have its owner', allDelivered);
    const self = (await cutOff.engine.storage.nodes?.look())?.self;
    const owned = await postgres.query(
      `SELECT id FROM ${schemaOf(database)}.destinations JOIN ${schemaOf(database)}.lanes
       ON lanes.tenant_no = destinations.tenant_no AND destination_no = no WHERE owner = ${self} ORDER BY no`,
    );
    expect(owned.length).toBeGreaterThan(0);
    expect(owned.length).toBeLessThan(DESTINATIONS);
    const held = String(owned[0]?.['id']);

    // The first attempt of its next event is held, and will fail; another one succeeds.
    const answer = Promise.withResolvers<number>();
    receiver.behave(`/${held}`, () =>
      receiver.hits(`/${held}`).length === 2 ? answer.promise : 200,
    );
    for (let count = 0; count < HELD; count++) await publish(cutOff);
    await receiver.wait(`/${held}`, 2);
    // It has nothing else to write down, which would keep it from beginning anything.
    await untilTrue(
      'all else to be recorded',
      async () => (await delivered()).length === events * DESTINATIONS - HELD,
    );
    outcomes.length = 0;

    proxy.fallSilent();
    const cutAtMs = stopwatch.elapsedMs;
    await publish(other);
    await untilTrue('the other one to have delivered everything', allDelivered);
    const rescuedMs = stopwatch.elapsedMs - cutAtMs;
    console.log(`cut off: the others had delivered everything after ${Math.round(rescuedMs)} ms`);
    expect(rescuedMs).toBeLessThan(RESCUED_MS);

    // Its attempt ends now, so that there is room for the next one: it has them in memory, but not the right to them.
    await untilTrue('it to know', () => cutOff.engine.storage.nodes?.isAlive() === false);
    const beforeMs = stopwatch.elapsedMs;
    answer.resolve(500);
    expect((await cutOff.publish({ tenant_id: tenantId, topic: 'a', data: {} })).status).toBe(503);
    await pause(100);
    expect(begun.filter((atMs) => atMs >= beforeMs)).toEqual([]);

    proxy.speak();
    await untilTrue('it to find out', () => outcomes.includes('lost'));
    expect(outcomes).not.toContain('recorded');
    await untilTrue('it to go on', async () => {
      const again = await cutOff.engine.storage.nodes?.look().catch(() => undefined);
      return again !== undefined && again.self !== self && again.deliverers.includes(again.self);
    });
    await publish(cutOff);
    await untilTrue('all to be delivered', allDelivered);

    // What the other one wrote stands, and nothing is missing in between.
    const path = `/v1/attempts?tenant_id=${tenantId}&limit=1000`;
    const attempts = (await other.get<ListView<AttemptView>>(path)).body.models;
    for (const { id } of await delivered()) {
      const own = attempts.filter(({ delivery_id }) => delivery_id === id);
      expect(own.map((each) => [each.attempt_number, each.status])).toEqual([[1, 'success']]);
    }
    stopwatch.stop();
    for (const node of [cutOff, other]) {
      // Of what was asked meanwhile.
      node.failures.length = 0;
      await node.stop();
    }
    await proxy.close();
    await postgres.dropSchema(database);
  });
});

function noting(storage: Storage, outcomes: RecordOutcome[]): Storage {
  return {
    ...storage,
    async record(query) {
      const found = await storage.record(query);
      outcomes.push(...found);
      return found;
    },
  };
}

/** Calls back when an attempt begins. */
function notingSends(type: DestinationType, onSend: () => void): DestinationType {
  return {
    ...type,
    open(destination) {
      const sender = type.open(destination);
      return {
        ...sender,
        send(request) {
          onSend();
          return sender.send(request);
        },
      };
    },
  };
}
