/** Relays in the test's own process, beside the API's server. */
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import type { OutboxPlace, PublishFromOutbox } from '../../src/domain/outbox.ts';
import { createOutboxDoor } from '../../src/http/outbox-door.ts';
import { createOutboxes } from '../../src/outbox/outboxes.ts';
import type { Outboxes } from '../../src/outbox/outboxes.ts';
import type { ApiServer } from './api-server.ts';

export const MAX_PAYLOAD_BYTES = 10_000;

export interface RunningRelay {
  readonly outboxes: Outboxes;
  /** What was logged. */
  readonly said: string[];
  stop(): Promise<void>;
}

/** Timers of the clock that a relay waits by, changed. */
export function clockWith(delayOf: (delayMs: number) => number): Clock {
  return {
    ...systemClock,
    schedule: (delayMs, callback) => systemClock.schedule(delayOf(delayMs), callback),
  };
}

export interface RelayOptions {
  /** By default that of the machine. */
  readonly clock?: Clock;
  /** Lays something over the way into the event store. */
  readonly wrap?: (publish: PublishFromOutbox) => PublishFromOutbox;
}

/** It runs until the test ends. */
export function startRelay(
  api: ApiServer,
  place: OutboxPlace,
  { clock = systemClock, wrap = (publish) => publish }: RelayOptions = {},
): RunningRelay {
  const said: string[] = [];
  const outboxes = createOutboxes({
    places: [place],
    publish: wrap(
      createOutboxDoor({
        engine: api.engine,
        limits: {
          maxPayloadBytes: MAX_PAYLOAD_BYTES,
          maxBatchBytes: 1024 * 1024,
          maxDestinationsPerTenant: 10,
          retentionDays: 7,
          maxPublishPerMinute: null,
        },
      }),
    ),
    clock,
    random: systemRandom,
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    log: {
      outboxAway: (_name, reason) => said.push(`away: ${reason}`),
      outboxBack: () => said.push('back'),
      outboxRefused: (_name, count, first) => said.push(`${count} refused: ${first}`),
      serviceFailed: (name, error) => said.push(`${name} failed: ${String(error)}`),
    },
  });
  outboxes.start();
  let ended: Promise<void> | undefined;
  const stop = () => (ended ??= outboxes.stop());
  onTestFinished(stop);
  return { outboxes, said, stop };
}
