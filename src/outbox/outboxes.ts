/** The outboxes of the configuration, put together. Loaded only where there are any. */
import type { Clock } from '../domain/clock.ts';
import { newUuid } from '../domain/id.ts';
import type { Random } from '../domain/id.ts';
import type { OutboxMeasures, OutboxPlace, PublishFromOutbox } from '../domain/outbox.ts';
import type { EngineLog } from '../engine/engine-log.ts';
import { ServiceRunner } from '../engine/service.ts';
import { Listener } from './listener.ts';
import { migrations } from './migrations.ts';
import { openOutboxDatabase } from './outbox-database.ts';
import { Relay } from './relay.ts';
import type { OutboxLog } from './relay.ts';

export interface OutboxOptions {
  readonly places: readonly OutboxPlace[];
  readonly publish: PublishFromOutbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: OutboxLog & Pick<EngineLog, 'serviceFailed'>;
  readonly maxPayloadBytes: number;
}

export interface Outboxes {
  start(): void;
  /** Nothing more is published; resolves when what is being published is taken out of its outbox. */
  stop(): Promise<void>;
  measures(): readonly OutboxMeasures[];
}

export function createOutboxes(options: OutboxOptions): Outboxes {
  const relays = options.places.map((place) => openRelay(place, options));
  return {
    start: () => relays.forEach(({ runner }) => runner.start(0)),
    async stop() {
      await Promise.all(relays.map((each) => each.stop()));
    },
    measures: () => relays.map(({ relay }) => relay.measures()),
  };
}

function openRelay(place: OutboxPlace, options: OutboxOptions) {
  const { clock, log, random } = options;
  const database = openOutboxDatabase(place);
  const listener = new Listener(place, clock, () => runner.wake());
  const relay = new Relay({
    ...options,
    place,
    database,
    id: newUuid(random),
    version: migrations().at(-1)?.version ?? 0,
    onLook: (notifies) => {
      if (notifies) listener.listen();
    },
  });
  const runner: ServiceRunner = new ServiceRunner(relay, clock, log);
  return {
    relay,
    runner,
    async stop() {
      relay.stop();
      await runner.stop();
      await relay.release();
      await Promise.all([listener.close(), database.close()]);
    },
  };
}
