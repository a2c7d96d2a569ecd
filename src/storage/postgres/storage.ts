/**
 * PostgreSQL, 14 or later: any number of nodes over one database. Publishes, outcomes and changes go through one
 * transaction at a time over all nodes, in groups; claims, roll-ups and reads run beside them.
 */
import type { Pool } from 'pg';
import { placeOf } from '../../domain/postgres-url.ts';
import { systemClock } from '../../domain/clock.ts';
import type { Clock } from '../../domain/clock.ts';
import { createIdCodec, newInstanceMark, systemRandom } from '../../domain/id.ts';
import type { IdCodec, Random } from '../../domain/id.ts';
import type { MayLag } from '../reading.ts';
import type { Storage } from '../storage.ts';
import { attemptGet, attemptList } from './attempts.ts';
import { auditInsert, auditList, auditPruneSlice } from './audit.ts';
import { cancel, retryByHand } from './by-hand.ts';
import { liesOnCitus } from './by-tenant.ts';
import { cancelSlice } from './cancel-slice.ts';
import { changes } from './changes.ts';
import { claim, release } from './claim.ts';
import { clientGet, clientInsert, clientList, clientRing, clientUpdate } from './clients.ts';
import { deliveryGet, deliveryList } from './deliveries.ts';
import { refuseHalfACopy } from './copy-mark.ts';
import {
  destinationDelete,
  destinationGet,
  destinationInsert,
  destinationList,
  destinationUpdate,
  routingOf,
  routingPage,
} from './destinations.ts';
import { deletionList, tenantEraseSlice } from './erase.ts';
import { eventSearch } from './event-search.ts';
import { EventTenants } from './event-tenants.ts';
import { eventGet, eventList } from './events.ts';
import { destinationsEnding, expiryWarned, healthOf, healthPage, healthPut } from './health.ts';
import { keyGet, keyInsert, keyList, keyRing, keysUsed, keyUpdate } from './keys.ts';
import { mailAdd, mailRefuse, mailsDue, mailSettled } from './mails.ts';
import type { Memory } from './memory.ts';
import { metricsAttempts, metricsEvents } from './metrics.ts';
import { Node } from './node.ts';
import { lanesRelease, lanesTake } from './lanes.ts';
import { connectionConfig, openControlPool, openPool } from './open.ts';
import { markOf, refuseAnotherDatabase } from './same-database.ts';
import type { Operation } from './operation.ts';
import { ping } from './ping.ts';
import { isDirect, Prepared } from './prepared.ts';
import { Pulse } from './pulse.ts';
import { pruneSlice } from './prune.ts';
import { publish } from './publish.ts';
import { record } from './record.ts';
import { explainOpening } from './refusal.ts';
import { Replica } from './replica.ts';
import { replayAdvance } from './replay-advance.ts';
import { replayCandidates } from './replay-candidates.ts';
import {
  replayChange,
  replayGet,
  replayInsert,
  replayList,
  replaysOpen,
  replayStop,
} from './replays.ts';
import { replaySettle } from './replay-settle.ts';
import { RequestShapes } from './request-shapes.ts';
import { rollUpSlice } from './rollup-apply.ts';
import { rollUpPruneSlice } from './rollup-prune.ts';
import { RollupSlices } from './rollup-read.ts';
import { Routes } from './routes.ts';
import { reseal, sealedList } from './sealed.ts';
import type { WriteSession } from './write-session.ts';
import {
  tenantDefaultsGet,
  tenantDelete,
  tenantGet,
  tenantList,
  tenantSecretsPut,
  tenantUpsert,
} from './tenants.ts';
import { isTimeToLook, tidyDays } from './tidy-days.ts';
import { topicDelete, topicList, topicPut } from './topics.ts';
import { Transactions } from './transaction.ts';
import { leaveTold, untoldFailures } from './untold.ts';
import { usageList } from './usage.ts';
import { waitingLanes } from './waiting.ts';
import { Wire } from './wire.ts';

/** A transaction has its price, which all of it share: round trips, a flush, the row of numbers. */
const GROUP_SIZE = 500;

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=...` */
  readonly url: string;
  /** The same database without the pooler that `url` leads through; `null`: there is none, or no other way. */
  readonly directUrl?: string | null;
  /** A server that follows it, for what may lag (`MayLag`); `null`: there is none. */
  readonly readUrl?: string | null;
  /** Why that one is not read from, from now on; `null`: it is. */
  readonly onReplica?: (problem: string | null) => void;
  /** Of due times; numbers and leases go by the clock of the database. */
  readonly clock?: Clock;
  readonly random?: Random;
  /** Whether lanes may be this node's; yes by default. */
  readonly delivers?: boolean;
  /** Whether it takes publishes; yes by default. */
  readonly publishes?: boolean;
  /** Whether it may lead what is done once over all nodes; yes by default. */
  readonly maintains?: boolean;
}

/** Throws `StorageOpenError`. */
export async function openPostgresStorage({
  url,
  directUrl = null,
  readUrl = null,
  onReplica = () => undefined,
  clock = systemClock,
  random = systemRandom,
  delivers = true,
  publishes = true,
  maintains = true,
}: PostgresOptions): Promise<Storage> {
  const pool = await openPool(url);
  const control = openControlPool(url);
  let replica: Replica | null = null;
  try {
    await refuseHalfACopy(pool);
    const mark = await readMark(pool, random);
    if (directUrl !== null) await refuseAnotherDatabase(directUrl, mark);
    const ids = createIdCodec(mark);
    if (readUrl !== null) {
      replica = new Replica({ url: readUrl, control, mark, clock, onChange: onReplica });
      await replica.begin();
    }
    const prepared = new Prepared(await isDirectPool(pool));
    const isDistributed = await liesOnCitus(pool);
    const node = new Node(control, clock, { delivers, publishes, maintains, isDistributed });
    await node.begin();
    const wire = new Wire(control, connectionConfig(directUrl ?? url), clock);
    return storageOver({
      pool,
      control,
      replica,
      wire,
      node,
      ids,
      clock,
      maintains,
      prepared,
      isDistributed,
    });
  } catch (error) {
    await replica?.close();
    await control.end();
    await pool.end();
    throw explainOpening(error, placeOf(url));
  }
}

interface Parts {
  readonly pool: Pool;
  readonly control: Pool;
  readonly replica: Replica | null;
  readonly wire: Wire;
  readonly node: Node;
  readonly ids: IdCodec;
  readonly clock: Clock;
  readonly maintains: boolean;
  readonly prepared: Prepared;
  readonly isDistributed: boolean;
}

function storageOver({
  pool,
  control,
  replica,
  wire,
  node,
  ids,
  clock,
  maintains,
  prepared,
  isDistributed,
}: Parts): Storage {
  const memory: Memory = {
    routes: new Routes(),
    shapes: new RequestShapes(),
    eventTenants: new EventTenants(),
    rollups: new RollupSlices(),
    rounds: new Map(),
    days: { madeTo: -1, lookedAtMs: null },
    retention: { fromSeq: 0, keysFromSeq: 0 },
    seenMarks: new Map(),
  };
  const transactions = new Transactions({ pool, replica }, node, {
    pulse: new Pulse(() => control.query('SELECT 1'), clock),
    ids,
    clock,
    memory,
    prepared,
    isDistributed,
  });

  const read =
    <Query, Result>(operation: Operation<(query: Query) => Promise<Result>>) =>
    (query: Query) =>
      transactions.read(operation, query);
  const readPerhapsLagging =
    <Query extends MayLag, Result>(operation: Operation<(query: Query) => Promise<Result>>) =>
    (query: Query) =>
      query.mayLag === true
        ? transactions.readLagging(operation, query)
        : transactions.read(operation, query);
  const write =
    <Query, Result>(operation: Operation<(query: Query) => Promise<Result>, WriteSession>) =>
    (query: Query) =>
      transactions.write(operation, query);
  const inOrder = <Query, Result>(
    operation: Operation<(query: Query) => Promise<Result>, WriteSession>,
  ) => {
    const batch = oneByOne(operation);
    return async (query: Query): Promise<Result> => {
      const [answer] = await transactions.inOrder(batch, [query]);
      // One item, one answer.
      return answer as Result;
    };
  };
  const claimInOrder = inOrder(claim);
  const claimBeside = write(claim);
  const tidy = inOrder<undefined, void>(tidyDays);

  return {
    ids,
    utilization: () => transactions.utilization,
    replica: () => replica?.view ?? null,
    groupSize: GROUP_SIZE,
    nodes: {
      changes: (query) => transactions.aside(() => changes(control, query)),
      isAlive: () => node.isAlive,
      onReborn: (listener) => node.onReborn(listener),
      look: () => transactions.aside(() => node.look()),
      lanesTake: write(lanesTake),
      lanesRelease: write(lanesRelease),
      healthOf: read(healthOf),
      tell: ({ node: to, lanes }) => transactions.aside(() => wire.tell(to, lanes)),
      onTold: (listener) =>
        wire.onTold(({ node: to, lanes }) => {
          if (to === node.incarnation) listener(lanes);
        }),
    },
    tenantUpsert: inOrder(tenantUpsert),
    tenantGet: read(tenantGet),
    tenantList: read(tenantList),
    tenantDefaultsGet: read(tenantDefaultsGet),
    tenantSecretsPut: inOrder(tenantSecretsPut),
    tenantDelete: inOrder(tenantDelete),
    destinationInsert: inOrder(destinationInsert),
    destinationUpdate: inOrder(destinationUpdate),
    destinationDelete: inOrder(destinationDelete),
    destinationGet: read(destinationGet),
    destinationList: read(destinationList),
    clientInsert: inOrder(clientInsert),
    clientUpdate: inOrder(clientUpdate),
    clientGet: read(clientGet),
    clientList: read(clientList),
    clientRing: () => read(clientRing)(undefined),
    keyInsert: inOrder(keyInsert),
    keyUpdate: inOrder(keyUpdate),
    keysUsed: inOrder(keysUsed),
    keyGet: read(keyGet),
    keyList: read(keyList),
    keyRing: () => read(keyRing)(undefined),
    auditInsert: inOrder(auditInsert),
    auditList: read(auditList),
    auditPruneSlice: write(auditPruneSlice),
    healthPut: inOrder(healthPut),
    expiryWarned: inOrder(expiryWarned),
    healthPage: read(healthPage),
    destinationsEnding: read(destinationsEnding),
    untoldFailures: read(untoldFailures(memory)),
    mailAdd: inOrder(mailAdd),
    mailSettled: inOrder(mailSettled),
    mailRefuse: inOrder(mailRefuse),
    mailsDue: read(mailsDue),
    routingPage: read(routingPage),
    routingOf: read(routingOf),
    topicPut: inOrder(topicPut),
    topicDelete: inOrder(topicDelete),
    topicList: read(topicList),
    sealedList: read(sealedList),
    reseal: inOrder(reseal),
    publish: ({ events }) => transactions.inOrder(publish, events, events.length),
    record: ({ attempts }) => transactions.inOrder(record, attempts, attempts.length),
    // Who is first of its key is only known while nothing else is published or recorded.
    claim: (query) =>
      query.lanes.some(({ isOrdered }) => isOrdered === true)
        ? claimInOrder(query)
        : claimBeside(query),
    release: inOrder(release),
    waitingLanes: () => read(waitingLanes)(undefined),
    retryByHand: inOrder(retryByHand),
    cancel: inOrder(cancel),
    cancelSlice: inOrder(cancelSlice),
    pruneSlice: inOrder(pruneSlice),
    rollUpSlice: write(rollUpSlice),
    rollUpPruneSlice: write(rollUpPruneSlice),
    tenantEraseSlice: write(tenantEraseSlice),
    deletionList: () => read(deletionList)(undefined),
    replayInsert: inOrder(replayInsert),
    replayAdvance: inOrder(replayAdvance),
    replaySettle: inOrder(replaySettle),
    replayChange: inOrder(replayChange),
    replayStop: inOrder(replayStop),
    replayGet: read(replayGet),
    replayList: read(replayList),
    replaysOpen: () => read(replaysOpen)(undefined),
    replayCandidates: read(replayCandidates),
    eventGet: read(eventGet),
    eventList: readPerhapsLagging(eventList),
    eventSearch: readPerhapsLagging(eventSearch),
    deliveryGet: read(deliveryGet),
    deliveryList: readPerhapsLagging(deliveryList),
    attemptGet: read(attemptGet),
    attemptList: readPerhapsLagging(attemptList),
    metricsEvents: readPerhapsLagging(metricsEvents),
    metricsAttempts: readPerhapsLagging(metricsAttempts),
    usageList: readPerhapsLagging(usageList),
    ping: () => write(ping)(undefined),
    async maintain() {
      await transactions.aside(() => node.tidy());
      if (maintains && isTimeToLook(memory.days, clock.monotonicMs())) await tidy(undefined);
    },
    async close() {
      // Where the database is away, the mark stays: what was told is told once more.
      await write(leaveTold)(undefined).catch(() => undefined);
      await transactions.close();
      await wire.close();
      await replica?.close();
      try {
        await node.end();
      } finally {
        await control.end();
        await pool.end();
      }
    },
  };
}

/** Calls of the same kind that wait together are done in one transaction, one after the other. */
function oneByOne<Query, Result>(
  operation: (session: WriteSession, query: Query) => Promise<Result>,
) {
  return async (session: WriteSession, queries: readonly Query[]): Promise<Result[]> => {
    const results: Result[] = [];
    for (const query of queries) results.push(await operation(session, query));
    return results;
  };
}

async function isDirectPool(pool: Pool): Promise<boolean> {
  const client = await pool.connect();
  try {
    return await isDirect(client);
  } finally {
    client.release();
  }
}

/** The four characters of this database are made by whoever opens it first. */
async function readMark(pool: Pool, random: Random): Promise<string> {
  await pool.query(
    "INSERT INTO meta (name, value) VALUES ('instance_mark', $1) ON CONFLICT (name) DO NOTHING",
    [newInstanceMark(random)],
  );
  return (await markOf(pool)) ?? '';
}
