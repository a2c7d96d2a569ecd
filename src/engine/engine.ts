/** The engine: its parts put together, its start and its end. */
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/id.ts';
import type { Expressions } from '../domain/payload.ts';
import type { SchemaCompiler, UnknownTopics } from '../domain/topic-catalogue.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import type { Storage } from '../storage/storage.ts';
import { createCanceler } from './cancel.ts';
import { Catalogue } from './catalogue.ts';
import { ChangeWatch } from './changes.ts';
import { Deliverer } from './deliver.ts';
import { Dispatcher } from './dispatcher.ts';
import type { DispatcherLimits } from './dispatcher-parts.ts';
import type { EngineLog } from './engine-log.ts';
import { UNMEASURED } from './engine-measures.ts';
import type { EngineMeasures } from './engine-measures.ts';
import { createExpirer } from './expire.ts';
import { HealthKeeper } from './health-keeper.ts';
import { asLeader } from './lead.ts';
import { createMaintainer } from './maintain.ts';
import { NodeShares } from './node-shares.ts';
import { Notices } from './notices.ts';
import { OperatorEvents } from './operator-events.ts';
import { createEraser } from './erase.ts';
import { createPruner } from './prune.ts';
import { Publisher } from './publish.ts';
import { Recorder } from './record.ts';
import { createRollUp, createRollUpPruner } from './roll-up.ts';
import { PublishQuota } from './publish-quota.ts';
import { createReplayer } from './replay.ts';
import { createRescuer } from './rescue.ts';
import { RoutingTable } from './routing.ts';
import { TestSender } from './send-test.ts';
import { tellAgain } from './tell-again.ts';
import { ServiceRunner } from './service.ts';
import type { Service } from './service.ts';
import type { TargetMaker } from './target.ts';
import { HealthWatch } from './watch-health.ts';

export interface EngineOptions {
  readonly storage: Storage;
  readonly targets: TargetMaker;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: EngineLog;
  readonly retentionDays: number;
  /** What payloads by expression are made with. */
  readonly expressions: Expressions;
  /** Of the schemas in the topic catalogue. */
  readonly schemas: SchemaCompiler;
  /** Publishes of topics that are not in the catalogue, while there is one; accepted by default. */
  readonly unknownTopics?: UnknownTopics;
  readonly limits?: Partial<DispatcherLimits>;
  /** How busy this process's thread is, 0 to 1 (pacer.ts); by default it is taken for idle. */
  readonly utilization?: () => number;
  /** By default nobody watches. */
  readonly measures?: EngineMeasures;
  /** How long a request waits to hear what other nodes have changed; 900 ms by default. */
  readonly maxLookMs?: number;
}

export interface Engine {
  readonly expressions: Expressions;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly targets: TargetMaker;
  readonly routing: RoutingTable;
  readonly catalogue: Catalogue;
  /** What other nodes have changed. */
  readonly changes: ChangeWatch;
  readonly testSender: TestSender;
  readonly publisher: Publisher;
  readonly quota: PublishQuota;
  readonly dispatcher: Dispatcher;
  readonly measures: EngineMeasures;
  readonly health: HealthKeeper;
  /** What is told of destinations: to operator events, and to whoever listens. */
  readonly notices: Notices;
  /** There is something to cancel. */
  wakeCanceler(): void;
  /** There is something to replay. */
  wakeReplayer(): void;
  /** A tenant was deleted: what it leaves is to be dropped. */
  wakeEraser(): void;
  /** Reads the routing and the catalogue: after that, it can take publishes. */
  load(): Promise<void>;
  /** Begins to deliver what is owed. */
  start(): Promise<void>;
  /**
   * Starts nothing more, waits up to `graceMs` for what is under way, records what ended, and releases the rest: that
   * is attempted again after the next start. It does not close the storage.
   */
  stop(graceMs: number): Promise<void>;
}

const DEFAULT_LIMITS: DispatcherLimits = {
  maxInFlight: 4096,
  maxInMemory: 20_000,
  // Half of the places: no tenant and no receiver, however slow, has all of them.
  maxPerTenant: 2048,
  maxPerOrigin: 2048,
};

export function createEngine(options: EngineOptions): Engine {
  const { storage, clock, random, log, measures = UNMEASURED } = options;
  const routing = new RoutingTable(storage, options.targets, clock);
  const shares = new NodeShares(routing);
  const recorder = new Recorder({ storage, clock, random, log, measures });
  const notices = new Notices(clock, log);
  const keeper = new HealthKeeper({ storage, routing, notices, clock });
  const dispatcher = new Dispatcher({
    health: keeper,
    storage,
    routing,
    deliverer: new Deliverer({ clock, log, ids: storage.ids, expressions: options.expressions }),
    recorder,
    clock,
    log,
    measures,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    shares,
  });
  const publisher = new Publisher({
    storage,
    routing,
    dispatcher,
    clock,
    log,
    utilization: options.utilization ?? (() => 0),
    measures,
  });
  const catalogue = new Catalogue({
    storage,
    compiler: options.schemas,
    unknownTopics: options.unknownTopics ?? 'accept',
    clock,
    log,
  });
  const changes = new ChangeWatch(storage, routing, catalogue, clock, options.maxLookMs);
  const testSender = new TestSender({ storage, routing, catalogue, publisher, recorder, clock });
  const { owners } = dispatcher;
  const runner = (service: Service) => new ServiceRunner(service, clock, log);
  const once = (service: Service) => runner(asLeader(owners, service));
  const onceWoken = (service: Service) => runner(asLeader(owners, service, true));
  const canceler = onceWoken(createCanceler(storage, clock, measures));
  const pruner = once(createPruner(storage, clock, options.retentionDays));
  const maintainer = runner(createMaintainer(storage));
  const rollUp = once(createRollUp(storage));
  const rollUpPruner = once(createRollUpPruner(storage, clock, options.retentionDays));
  const operatorEvents = new OperatorEvents(publisher, routing);
  notices.listen((notice) => operatorEvents.publish(notice));
  const { targets } = options;
  const ends = { storage, routing, targets, dispatcher, wakeCanceler: () => canceler.wake() };
  const watch = new HealthWatch({
    ...ends,
    recorder,
    keeper,
    notices,
    clock,
    log,
    wantsAttempts: (topic) => operatorEvents.wantsAttempts(topic),
  });
  const healthWriter = runner(keeper.service());
  const expirer = once(createExpirer(ends, notices, clock));
  const replayer = onceWoken(createReplayer({ storage, routing, dispatcher, clock, log }));
  const eraser = onceWoken(createEraser(storage));
  const services = [
    canceler,
    pruner,
    maintainer,
    rollUp,
    rollUpPruner,
    healthWriter,
    expirer,
    replayer,
    eraser,
  ];
  if (owners !== null)
    services.push(
      runner(changes.service()),
      runner(owners.service()),
      runner(createRescuer(dispatcher)),
    );

  const wakeCanceler = () => canceler.wake();

  return {
    storage,
    clock,
    random,
    targets: options.targets,
    expressions: options.expressions,
    routing,
    catalogue,
    changes,
    testSender,
    publisher,
    quota: new PublishQuota({ routing, clock, shares }),
    dispatcher,
    measures,
    health: keeper,
    notices,
    wakeCanceler,
    wakeReplayer: () => replayer.wake(),
    wakeEraser: () => eraser.wake(),
    async load() {
      await changes.begin();
      await catalogue.refresh();
      await routing.load();
      await keeper.load();
    },
    async start() {
      await tellAgain({
        storage,
        routing,
        keeper,
        notices,
        clock,
        endAfterFailure: (target, failure) => watch.endAfterFailure(target, failure),
      });
      await dispatcher.start();
      for (const service of services) service.start(1000);
    },
    async stop(graceMs) {
      await publisher.drained();
      await withinGrace(dispatcher.stop(), graceMs, clock);
      dispatcher.abandon();
      await recorder.drained();
      await watch.drained();
      await notices.drained();
      await publisher.drained();
      await Promise.all(services.map((service) => service.stop()));
      routing.stop();
      // What cannot be written is some seconds old after the next start.
      await keeper.close().catch(() => {});
      const queued = await dispatcher.takeQueued();
      if (queued.length === 0) return;
      try {
        await storage.release({
          deliveries: queued.map(({ event, ordinal }) => ({ seq: event.seq, ordinal })),
        });
      } catch (error) {
        // The medium refuses: they stay claimed by this incarnation, which the next one takes for nobody.
        if (!(error instanceof StorageUnavailableError)) throw error;
      }
    },
  };
}

function withinGrace(work: Promise<void>, graceMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.schedule(graceMs, resolve);
    void work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
