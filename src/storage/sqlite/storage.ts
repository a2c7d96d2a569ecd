/**
 * The embedded database: one SQLite file, one process, two threads. The writer commits in groups with a flush to the
 * disk each; the reader answers everything else from snapshots.
 */
import { createIdCodec } from '../../domain/id.ts';
import { StorageUnavailableError } from '../storage.ts';
import type { Storage } from '../storage.ts';
import { mayFinish } from './checkpoint.ts';
import type { CheckpointState } from './checkpoint.ts';
import { flattenAttempts, flattenEvents, unflattenLanes } from './codec.ts';
import { transferOf } from './flat.ts';
import type { Flat } from './flat.ts';
import { GROUP_SIZE } from './group-size.ts';
import type { DatabaseOptions } from './open.ts';
import type { AnyOperations, ReadOperations, WriteOperations } from './operations.ts';
import { startThread } from './thread.ts';
import type { Thread } from './thread.ts';

/** Throws `StorageOpenError`. */
export async function openSqliteStorage(database: DatabaseOptions): Promise<Storage> {
  const writer = await startThread('writer', { database });
  const reader = await startThread('reader', { database }).catch(async (error: unknown) => {
    await writer.close();
    throw error;
  });

  let isLogTouched = true;

  // The threads run the operation of that name, and so answer with its result.
  const write =
    <Name extends keyof WriteOperations>(name: Name) =>
    (query: Query<Name>) => {
      isLogTouched = true;
      return writer.call(name, query) as Promise<Result<Name>>;
    };
  const read =
    <Name extends keyof ReadOperations>(name: Name) =>
    (query: Query<Name>) =>
      reader.call(name, query) as Promise<Result<Name>>;
  const writeFlat = (name: string, flat: Flat) => {
    isLogTouched = true;
    return writer.call(name, flat, transferOf(flat));
  };

  return {
    ids: createIdCodec(writer.instanceMark),
    groupSize: GROUP_SIZE,
    nodes: null,
    tenantUpsert: write('tenantUpsert'),
    tenantGet: read('tenantGet'),
    tenantList: read('tenantList'),
    tenantDefaultsGet: read('tenantDefaultsGet'),
    tenantSecretsPut: write('tenantSecretsPut'),
    tenantDelete: write('tenantDelete'),
    destinationInsert: write('destinationInsert'),
    destinationUpdate: write('destinationUpdate'),
    destinationDelete: write('destinationDelete'),
    destinationGet: read('destinationGet'),
    destinationList: read('destinationList'),
    clientInsert: write('clientInsert'),
    clientUpdate: write('clientUpdate'),
    clientGet: read('clientGet'),
    clientList: read('clientList'),
    clientRing: () => read('clientRing')(undefined),
    keyInsert: write('keyInsert'),
    keyUpdate: write('keyUpdate'),
    keysUsed: write('keysUsed'),
    keyGet: read('keyGet'),
    keyList: read('keyList'),
    keyRing: () => read('keyRing')(undefined),
    auditInsert: write('auditInsert'),
    auditList: read('auditList'),
    auditPruneSlice: write('auditPruneSlice'),
    healthPut: write('healthPut'),
    expiryWarned: write('expiryWarned'),
    mailAdd: write('mailAdd'),
    mailSettled: write('mailSettled'),
    mailRefuse: write('mailRefuse'),
    healthPage: read('healthPage'),
    destinationsEnding: read('destinationsEnding'),
    untoldFailures: read('untoldFailures'),
    mailsDue: read('mailsDue'),
    routingPage: read('routingPage'),
    routingOf: read('routingOf'),
    topicPut: write('topicPut'),
    topicDelete: write('topicDelete'),
    topicList: read('topicList'),
    sealedList: read('sealedList'),
    reseal: write('reseal'),
    publish: async ({ events }) =>
      (await writeFlat('publish', flattenEvents(events))) as Result<'publish'>,
    record: async ({ attempts }) =>
      (await writeFlat('record', flattenAttempts(attempts))) as Result<'record'>,
    claim: async (query) => {
      isLogTouched = true;
      return unflattenLanes((await writer.call('claim', query)) as Flat);
    },
    release: write('release'),
    waitingLanes: () => write('waitingLanes')(undefined),
    retryByHand: write('retryByHand'),
    cancel: write('cancel'),
    cancelSlice: write('cancelSlice'),
    pruneSlice: write('pruneSlice'),
    async rollUpSlice(query) {
      // Counted on the reader's thread, where it holds up no commit.
      const slice = (await reader.call('rollUpRead', query)) as Flat | null;
      if (slice === null) return { more: false };
      return { more: (await writeFlat('rollUpApply', slice)) as Result<'rollUpApply'> };
    },
    rollUpPruneSlice: write('rollUpPruneSlice'),
    tenantEraseSlice: write('tenantEraseSlice'),
    replayInsert: write('replayInsert'),
    replayAdvance: write('replayAdvance'),
    replaySettle: write('replaySettle'),
    replayChange: write('replayChange'),
    replayStop: write('replayStop'),
    deletionList: () => read('deletionList')(undefined),
    replayGet: read('replayGet'),
    replayList: read('replayList'),
    replaysOpen: () => read('replaysOpen')(undefined),
    replayCandidates: read('replayCandidates'),
    eventGet: read('eventGet'),
    eventList: read('eventList'),
    eventSearch: read('eventSearch'),
    deliveryGet: read('deliveryGet'),
    deliveryList: read('deliveryList'),
    attemptGet: read('attemptGet'),
    attemptList: read('attemptList'),
    metricsEvents: read('metricsEvents'),
    metricsAttempts: read('metricsAttempts'),
    usageList: read('usageList'),
    ping: () => write('ping')(undefined),
    async maintain() {
      if (!isLogTouched) return;
      isLogTouched = false;
      const state = (await reader.call('checkpoint', null)) as CheckpointState;
      if (mayFinish(state)) await writer.call('finishCheckpoint', null);
    },
    async close() {
      // The last connection to be closed takes the log along: it has to be one that may write.
      try {
        await endOf(reader);
      } finally {
        await endOf(writer);
      }
    },
  };
}

/** Closes a thread; one that has ended already is closed. */
async function endOf(thread: Thread): Promise<void> {
  try {
    await thread.close();
  } catch (error) {
    if (!(error instanceof StorageUnavailableError)) throw error;
  }
}

type Query<Name extends keyof AnyOperations> = Parameters<AnyOperations[Name]>[0];
type Result<Name extends keyof AnyOperations> = ReturnType<AnyOperations[Name]>;
