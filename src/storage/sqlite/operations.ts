/** All operations by name: those that write run one after the other on the writer, the others on the reader. */
import type { Storage } from '../storage.ts';
import { attemptGet, attemptList } from './attempts.ts';
import { auditInsert, auditList, auditPruneSlice } from './audit.ts';
import { cancel, retryByHand } from './by-hand.ts';
import { cancelSlice } from './cancel-slice.ts';
import { claim, release, waitingLanes } from './claim.ts';
import { clientGet, clientInsert, clientList, clientRing, clientUpdate } from './clients.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { deliveryGet, deliveryList } from './deliveries.ts';
import {
  destinationDelete,
  destinationGet,
  destinationInsert,
  destinationList,
  destinationUpdate,
  routingOf,
  routingPage,
} from './destinations.ts';
import { eventSearch } from './event-search.ts';
import { eventGet, eventList } from './events.ts';
import { keyGet, keyInsert, keyList, keyRing, keysUsed, keyUpdate } from './keys.ts';
import { metricsAttempts, metricsEvents } from './metrics.ts';
import { destinationsEnding, expiryWarned, healthPage, healthPut } from './health.ts';
import { mailAdd, mailRefuse, mailsDue, mailSettled } from './mails.ts';
import { deletionList, tenantEraseSlice } from './erase.ts';
import type { Operation } from './operation.ts';
import { ping } from './ping.ts';
import { pruneSlice } from './prune.ts';
import { publish } from './publish.ts';
import { record } from './record.ts';
import { rollUpApply } from './rollup-apply.ts';
import { rollUpPruneSlice } from './rollup-prune.ts';
import { rollUpRead } from './rollup-read.ts';
import { reseal, sealedList } from './sealed.ts';
import { replayAdvance, replaySettle } from './replay-advance.ts';
import { replayCandidates } from './replay-candidates.ts';
import {
  replayChange,
  replayGet,
  replayInsert,
  replayList,
  replaysOpen,
  replayStop,
} from './replays.ts';
import {
  tenantDelete,
  tenantGet,
  tenantList,
  tenantDefaultsGet,
  tenantSecretsPut,
  tenantUpsert,
} from './tenants.ts';
import { topicDelete, topicList, topicPut } from './topics.ts';
import { untoldFailures } from './untold.ts';
import { usageList } from './usage.ts';

export function writeOperations(context: WriteContext) {
  return {
    tenantUpsert: tenantUpsert(context),
    tenantDelete: tenantDelete(context),
    tenantSecretsPut: tenantSecretsPut(context),
    destinationInsert: destinationInsert(context),
    destinationUpdate: destinationUpdate(context),
    destinationDelete: destinationDelete(context),
    clientInsert: clientInsert(context),
    clientUpdate: clientUpdate(context),
    keyInsert: keyInsert(context),
    keyUpdate: keyUpdate(context),
    keysUsed: keysUsed(context),
    auditInsert: auditInsert(context),
    auditPruneSlice: auditPruneSlice(context),
    topicPut: topicPut(context),
    topicDelete: topicDelete(context),
    reseal: reseal(context),
    healthPut: healthPut(context),
    expiryWarned: expiryWarned(context),
    mailAdd: mailAdd(context),
    mailSettled: mailSettled(context),
    mailRefuse: mailRefuse(context),
    publish: publish(context),
    record: record(context),
    claim: claim(context),
    release: release(context),
    waitingLanes: waitingLanes(context),
    retryByHand: retryByHand(context),
    cancel: cancel(context),
    cancelSlice: cancelSlice(context),
    pruneSlice: pruneSlice(context),
    rollUpApply: rollUpApply(context),
    rollUpPruneSlice: rollUpPruneSlice(context),
    tenantEraseSlice: tenantEraseSlice(context),
    replayInsert: replayInsert(context),
    replayAdvance: replayAdvance(context),
    replaySettle: replaySettle(context),
    replayChange: replayChange(context),
    replayStop: replayStop(context),
    ping: ping(context),
  } satisfies Operations;
}

export function readOperations(context: ReadContext) {
  return {
    tenantGet: tenantGet(context),
    tenantList: tenantList(context),
    tenantDefaultsGet: tenantDefaultsGet(context),
    destinationGet: destinationGet(context),
    destinationList: destinationList(context),
    healthPage: healthPage(context),
    destinationsEnding: destinationsEnding(context),
    untoldFailures: untoldFailures(context),
    mailsDue: mailsDue(context),
    routingPage: routingPage(context),
    routingOf: routingOf(context),
    clientGet: clientGet(context),
    clientList: clientList(context),
    clientRing: clientRing(context),
    keyGet: keyGet(context),
    keyList: keyList(context),
    keyRing: keyRing(context),
    auditList: auditList(context),
    topicList: topicList(context),
    sealedList: sealedList(context),
    deletionList: deletionList(context),
    replayGet: replayGet(context),
    replayList: replayList(context),
    replaysOpen: replaysOpen(context),
    replayCandidates: replayCandidates(context),
    eventGet: eventGet(context),
    eventList: eventList(context),
    eventSearch: eventSearch(context),
    deliveryGet: deliveryGet(context),
    deliveryList: deliveryList(context),
    attemptGet: attemptGet(context),
    attemptList: attemptList(context),
    rollUpRead: rollUpRead(context),
    metricsEvents: metricsEvents(context),
    metricsAttempts: metricsAttempts(context),
    usageList: usageList(context),
  } satisfies Operations;
}

export type WriteOperations = ReturnType<typeof writeOperations>;
export type ReadOperations = ReturnType<typeof readOperations>;
export type AnyOperations = WriteOperations & ReadOperations;

/** `rollUpSlice` has two halves: one beside the writer, one on it. */
type Operations = { [Name in keyof Storage]?: Operation<Storage[Name]> } & {
  readonly rollUpRead?: unknown;
  readonly rollUpApply?: unknown;
};
