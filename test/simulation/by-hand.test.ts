/** What people do to deliveries that are just then in memory or under way. */
import { describe, expect, test } from 'vitest';

import { cancelDelivery } from '../../src/engine/cancel.ts';
import { changeDestination } from '../../src/engine/manage-destinations.ts';
import { retryByHand } from '../../src/engine/retry.ts';
import type { Receiver } from '../support/simulated-receivers.ts';
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { Stage } from './stage.ts';

const OK = { kind: 'ok', latencyMs: 5 } as const;
const SLOW = { kind: 'ok', latencyMs: 300 } as const;
const HOUR = 3_600_000;

async function stageWith(policy: DestinationPolicy = {}): Promise<[Stage, Receiver]> {
  const stage = new Stage();
  await stage.begin();
  return [stage, await stage.destination({ tenantId: 't', name: 'r', behaviour: SLOW, policy })];
}

async function cancel(stage: Stage, receiver: Receiver, n: number): Promise<void> {
  const { engine } = stage.process;
  const delivery = stage.delivery(receiver, n);
  delivery.wasCanceledByHand = true;
  const key = { seq: delivery.row.seq, ordinal: delivery.row.ordinal };
  const found = await stage.during(engine.storage.deliveryGet({ delivery: key }));
  if (found === null) throw new Error(`event ${n} has no delivery`);
  expect(await stage.during(cancelDelivery(engine, found, null))).toBe('canceled');
}

async function retry(stage: Stage, receiver: Receiver, n: number): Promise<void> {
  const eventId = stage.delivery(receiver, n).event.id;
  const asked = { eventId, destinationId: receiver.name, tenantId: 't' };
  expect(await stage.during(retryByHand(stage.process.engine, asked))).toBe('due');
}

function disable(stage: Stage, disabledAtMs: number | null) {
  const { engine } = stage.process;
  return changeDestination(engine, { tenantId: 't', id: 'r' }, { disabledAtMs });
}

describe('a retry by hand of what was canceled', () => {
  test('in mid-attempt is that attempt: its outcome is recorded, and decides', async () => {
    const [stage, receiver] = await stageWith();
    stage.publish('t');
    await stage.world.pass(100);
    await cancel(stage, receiver, 1);
    expect(stage.delivery(receiver).row.status).toBe('canceled');
    await retry(stage, receiver, 1);
    await stage.world.pass(2000);
    expect(receiver.requests).toHaveLength(1);
    expect(stage.delivery(receiver).row).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(await stage.end()).toEqual([]);
  });

  test('in mid-attempt goes on with its schedule where that attempt fails', async () => {
    const [stage, receiver] = await stageWith({ retry: { delays_s: [1], jitter: 0 } });
    stage.world.behave('r', { kind: 'status', latencyMs: 300, status: 500 });
    stage.publish('t');
    await stage.world.pass(100);
    await cancel(stage, receiver, 1);
    await retry(stage, receiver, 1);
    stage.world.behave('r', OK);
    await stage.world.pass(3000);
    expect(stage.delivery(receiver).row).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(await stage.end()).toEqual([]);
  });

  test('while it waited in memory is attempted', async () => {
    const [stage, receiver] = await stageWith({ concurrency: 1 });
    stage.publish('t', 2);
    await stage.world.pass(100);
    const { engine } = stage.process;
    const { row, event } = stage.delivery(receiver, 2);
    const key = { seq: row.seq, ordinal: row.ordinal };
    const found = await stage.during(engine.storage.deliveryGet({ delivery: key }));
    if (found === null) throw new Error('there is no delivery');
    stage.delivery(receiver, 2).wasCanceledByHand = true;
    const asked = { eventId: event.id, destinationId: 'r', tenantId: 't' };
    await stage.during(
      Promise.all([cancelDelivery(engine, found, null), retryByHand(engine, asked)]),
    );
    await stage.world.pass(3000);
    expect(stage.delivery(receiver, 2).row).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(await stage.end()).toEqual([]);
  });
});

describe('a destination that is disabled', () => {
  test('and enabled before that was answered gets nothing of what it was owed', async () => {
    const [stage, receiver] = await stageWith({ concurrency: 1 });
    stage.publish('t', 10);
    await stage.world.pass(100);
    expect(receiver.requests).toHaveLength(1);
    const { storage } = stage.process.engine;
    const stored = await stage.during(storage.destinationGet({ tenantId: 't', id: 'r' }));
    if (stored === null) throw new Error('there is no destination');
    const disabled = disable(stage, stage.world.clock.nowMs());
    const isDisabled = () =>
      [...stage.world.ledger.destinations()].some(({ isEnabled }) => !isEnabled);
    await stage.world.clock.advanceUntil(isDisabled, 1000);
    // The one who reads is busy: the routing is read only after both changes.
    for (let reads = 0; reads < 10; reads++) void storage.tenantGet({ id: 't' });
    const { revision } = stored;
    const enabled = storage.destinationUpdate({
      destination: { ...stored, revision: revision + 2 },
      ifRevision: revision + 1,
      cancelPending: false,
    });
    await stage.during(Promise.all([disabled, enabled]));
    expect(await enabled).toBe('updated');
    await stage.world.pass(5000);
    expect(receiver.requests).toHaveLength(1);
    stage.publish('t');
    await stage.world.pass(1000);
    expect(receiver.requests).toHaveLength(2);
    expect(await stage.end()).toEqual([]);
  });

  test('retries at once where the rate counts first attempts alone, whoever waits for that', async () => {
    const [stage, receiver] = await stageWith({
      rate_per_minute: 1,
      rate_counts: 'first_attempts',
    });
    stage.publish('t', 20);
    await stage.world.pass(1000);
    expect(receiver.requests).toHaveLength(1);
    await retry(stage, receiver, 1);
    await stage.world.pass(1000);
    expect(receiver.requests).toHaveLength(2);
    expect(stage.delivery(receiver, 1).row).toMatchObject({ status: 'delivered', attempts: 2 });
    await stage.world.clock.advanceUntil(() => stage.world.ledger.pendingCount === 0, 30 * 60_000);
    expect(await stage.end()).toEqual([]);
  });

  test('cancels a retry that was asked for before, whatever the clock was set to', async () => {
    const [stage, receiver] = await stageWith({ rate_per_minute: 1, concurrency: 1 });
    stage.publish('t', 2);
    await stage.world.pass(1000);
    stage.world.clock.jump(-HOUR);
    stage.world.watch.jumped(-HOUR);
    await retry(stage, receiver, 1);
    await stage.during(disable(stage, stage.world.clock.nowMs()));
    await stage.world.pass(5000);
    expect(stage.delivery(receiver, 1).row.status).toBe('canceled');
    await stage.during(disable(stage, null));
    await retry(stage, receiver, 1);
    await stage.world.pass(120_000);
    expect(stage.delivery(receiver, 1).row).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(await stage.end()).toEqual([]);
  });
});
