/**
 * The driver on the caller's own thread: for the simulation, for tests and for tools. The same operations, the same SQL;
 * only the threads are missing.
 */
import type { Clock } from '../../domain/clock.ts';
import type { Random } from '../../domain/id.ts';
import type { Storage } from '../storage.ts';
import { createReadContext, createWriteContext } from './context.ts';
import { GROUP_SIZE } from './group-size.ts';
import { openDatabase } from './open.ts';
import type { DatabaseOptions, OpenDatabase } from './open.ts';
import { readOperations, writeOperations } from './operations.ts';
import { inTransaction } from './transaction.ts';

/** A database that outlives the storages opened on it, as a file outlives processes. */
export function openInlineDatabase(options: DatabaseOptions): OpenDatabase {
  return openDatabase(options);
}

/** A new incarnation over the database. Closing it leaves the database open. */
export function openInlineStorage({ db }: OpenDatabase, clock: Clock, random: Random): Storage {
  const context = createWriteContext(db, clock, random);
  const write = writeOperations(context);
  const read = readOperations(createReadContext(db, clock));
  const asWrite =
    <Query, Result>(operation: (query: Query) => Result) =>
    (query: Query): Promise<Result> =>
      settle(() => inTransaction(context, () => operation(query)));
  const asRead =
    <Query, Result>(operation: (query: Query) => Result) =>
    (query: Query): Promise<Result> =>
      settle(() => operation(query));

  return {
    ids: context.ids,
    groupSize: GROUP_SIZE,
    nodes: null,
    tenantUpsert: asWrite(write.tenantUpsert),
    tenantGet: asRead(read.tenantGet),
    tenantList: asRead(read.tenantList),
    tenantDefaultsGet: asRead(read.tenantDefaultsGet),
    tenantSecretsPut: asWrite(write.tenantSecretsPut),
    tenantDelete: asWrite(write.tenantDelete),
    destinationInsert: asWrite(write.destinationInsert),
    destinationUpdate: asWrite(write.destinationUpdate),
    destinationDelete: asWrite(write.destinationDelete),
    destinationGet: asRead(read.destinationGet),
    destinationList: asRead(read.destinationList),
    clientInsert: asWrite(write.clientInsert),
    clientUpdate: asWrite(write.clientUpdate),
    clientGet: asRead(read.clientGet),
    clientList: asRead(read.clientList),
    clientRing: () => asRead(read.clientRing)(undefined),
    keyInsert: asWrite(write.keyInsert),
    keyUpdate: asWrite(write.keyUpdate),
    keysUsed: asWrite(write.keysUsed),
    keyGet: asRead(read.keyGet),
    keyList: asRead(read.keyList),
    keyRing: () => asRead(read.keyRing)(undefined),
    auditInsert: asWrite(write.auditInsert),
    auditList: asRead(read.auditList),
    auditPruneSlice: asWrite(write.auditPruneSlice),
    healthPut: asWrite(write.healthPut),
    expiryWarned: asWrite(write.expiryWarned),
    mailAdd: asWrite(write.mailAdd),
    mailSettled: asWrite(write.mailSettled),
    mailRefuse: asWrite(write.mailRefuse),
    healthPage: asRead(read.healthPage),
    destinationsEnding: asRead(read.destinationsEnding),
    untoldFailures: asRead(read.untoldFailures),
    mailsDue: asRead(read.mailsDue),
    routingPage: asRead(read.routingPage),
    routingOf: asRead(read.routingOf),
    topicPut: asWrite(write.topicPut),
    topicDelete: asWrite(write.topicDelete),
    topicList: asRead(read.topicList),
    sealedList: asRead(read.sealedList),
    reseal: asWrite(write.reseal),
    publish: asWrite(write.publish),
    record: asWrite(write.record),
    claim: asWrite(write.claim),
    release: asWrite(write.release),
    waitingLanes: () => asWrite(write.waitingLanes)(undefined),
    retryByHand: asWrite(write.retryByHand),
    cancel: asWrite(write.cancel),
    cancelSlice: asWrite(write.cancelSlice),
    pruneSlice: asWrite(write.pruneSlice),
    rollUpSlice: (query) =>
      settle(() => {
        const slice = read.rollUpRead(query);
        return {
          more: slice !== null && inTransaction(context, () => write.rollUpApply(slice)),
        };
      }),
    rollUpPruneSlice: asWrite(write.rollUpPruneSlice),
    tenantEraseSlice: asWrite(write.tenantEraseSlice),
    replayInsert: asWrite(write.replayInsert),
    replayAdvance: asWrite(write.replayAdvance),
    replaySettle: asWrite(write.replaySettle),
    replayChange: asWrite(write.replayChange),
    replayStop: asWrite(write.replayStop),
    deletionList: () => asRead(read.deletionList)(undefined),
    replayGet: asRead(read.replayGet),
    replayList: asRead(read.replayList),
    replaysOpen: () => asRead(read.replaysOpen)(undefined),
    replayCandidates: asRead(read.replayCandidates),
    maintain: () => Promise.resolve(),
    eventGet: asRead(read.eventGet),
    eventList: asRead(read.eventList),
    eventSearch: asRead(read.eventSearch),
    deliveryGet: asRead(read.deliveryGet),
    deliveryList: asRead(read.deliveryList),
    attemptGet: asRead(read.attemptGet),
    attemptList: asRead(read.attemptList),
    metricsEvents: asRead(read.metricsEvents),
    metricsAttempts: asRead(read.metricsAttempts),
    usageList: asRead(read.usageList),
    ping: () => asWrite(write.ping)(undefined),
    close: () => Promise.resolve(),
  };
}

function settle<Result>(work: () => Result): Promise<Result> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
