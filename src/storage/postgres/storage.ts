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
import type { Storage } from '../storage.ts';
import { attemptGet, attemptList } from './attempts.ts';
import { auditInsert, auditList, auditPruneSlice } from './audit.ts';
import { cancel, retryByHand } from './by-hand.ts';
import { cancelSlice } from './cancel-slice.ts';
import { changes } from './changes.ts';
import { claim, release, waitingLanes } from './claim.ts';
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
import { destinationsEnding, expiryWarned, healthPage, healthPut } from './health.ts';
import { keyGet, keyInsert, keyList, keyRing, keysUsed, keyUpdate } from './keys.ts';
import { mailAdd, mailRefuse, mailsDue, mailSettled } from './mails.ts';
import type { Memory } from './memory.ts';
import { metricsAttempts, metricsEvents } from './metrics.ts';
import { Node } from './node.ts';
import { lanesRelease, lanesTake } from './lanes.ts';
import { connectionConfig, openControlPool, openPool } from './open.ts';
import type { Operation } from './operation.ts';
import { ping } from './ping.ts';
import { isDirect, Prepared } from './prepared.ts';
import { pruneSlice } from './prune.ts';
import { publish } from './publish.ts';
import { record } from './record.ts';
import { explainOpening } from './refusal.ts';
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
import { topicDelete, topicList, topicPut } from './topics.ts';
import { Transactions } from './transaction.ts';
import type { Way } from './way.ts';
import { leaveTold, untoldFailures } from './untold.ts';
import { usageList } from './usage.ts';
import { Wire } from './wire.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=...` */
  readonly url: string;
  /** Of due times; numbers and leases go by the clock of the database. */
  readonly clock?: Clock;
  readonly random?: Random;
  /** Whether lanes may be this node's; yes by default. */
  readonly delivers?: boolean;
  /** Whether it may lead what is done once over all nodes; yes by default. */
  readonly maintains?: boolean;
}

/** Throws `StorageOpenError`. */
export async function openPostgresStorage({
  url,
  clock = systemClock,
  random = systemRandom,
  delivers = true,
  maintains = true,
}: PostgresOptions): Promise<Storage> {
  const pool = await openPool(url);
  const control = openControlPool(url);
  const node = new Node(control, clock, { delivers, maintains });
  try {
    await refuseHalfACopy(pool);
    const ids = await readIds(pool, random);
    const prepared = new Prepared(await isDirectPool(pool));
    await node.begin();
    const wire = new Wire(control, connectionConfig(url), clock);
    return storageOver({ pool, control, wire, node, ids, clock, prepared });
  } catch (error) {
    await control.end();
    await pool.end();
    throw explainOpening(error, placeOf(url));
  }
}

interface Parts {
  readonly pool: Pool;
  readonly control: Pool;
  readonly wire: Wire;
  readonly node: Node;
  readonly ids: IdCodec;
  readonly clock: Clock;
  readonly prepared: Prepared;
}

function storageOver({ pool, control, wire, node, ids, clock, prepared }: Parts): Storage {
  const memory: Memory = {
    routes: new Routes(),
    shapes: new RequestShapes(),
    eventTenants: new EventTenants(),
    rollups: new RollupSlices(),
    rounds: new Map(),
    retention: { fromSeq: 0 },
    seenMarks: new Map(),
  };
  const transactions = new Transactions(pool, node, { ids, clock, memory, prepared });

  const read =
    <Query, Result>(operation: Operation<(query: Query) => Promise<Result>>) =>
    (query: Query) =>
      transactions.read(operation, query);
  const write =
    <Query, Result>(
      operation: Operation<(query: Query) => Promise<Result>, WriteSession>,
      way?: Way,
    ) =>
    (query: Query) =>
      transactions.write(operation, query, way);
  const inOrder = <Query, Result>(
    operation: Operation<(query: Query) => Promise<Result>, WriteSession>,
    way?: Way,
  ) => {
    const batch = oneByOne(operation);
    return async (query: Query): Promise<Result> => {
      const [answer] = await transactions.inOrder(batch, [query], way);
      // One item, one answer.
      return answer as Result;
    };
  };
  const byKey: Way = { byKey: true, numbers: null };
  const claimInOrder = inOrder(claim, byKey);
  const claimBeside = write(claim, byKey);

  return {
    ids,
    utilization: () => transactions.utilization,
    nodes: {
      changes: (query) => transactions.aside(() => changes(control, query)),
      isAlive: () => node.isAlive,
      onReborn: (listener) => node.onReborn(listener),
      look: () => transactions.aside(() => node.look()),
      lanesTake: write(lanesTake),
      lanesRelease: write(lanesRelease),
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
    publish: ({ events }) =>
      transactions.inOrder(publish, events, { byKey: true, numbers: events.length }),
    record: ({ attempts }) =>
      transactions.inOrder(record, attempts, { byKey: true, numbers: attempts.length }),
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
    eventList: read(eventList),
    eventSearch: read(eventSearch),
    deliveryGet: read(deliveryGet),
    deliveryList: read(deliveryList),
    attemptGet: read(attemptGet),
    attemptList: read(attemptList),
    metricsEvents: read(metricsEvents),
    metricsAttempts: read(metricsAttempts),
    usageList: read(usageList),
    ping: () => write(ping)(undefined),
    maintain: () => transactions.aside(() => node.tidy()),
    async close() {
      // Where the database is away, the mark stays: what was told is told once more.
      await write(leaveTold)(undefined).catch(() => undefined);
      await transactions.close();
      await wire.close();
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
async function readIds(pool: Pool, random: Random): Promise<IdCodec> {
  await pool.query(
    "INSERT INTO meta (name, value) VALUES ('instance_mark', $1) ON CONFLICT (name) DO NOTHING",
    [newInstanceMark(random)],
  );
  const { rows } = await pool.query<{ value: string }>(
    "SELECT value FROM meta WHERE name = 'instance_mark'",
  );
  return createIdCodec(rows[0]?.value ?? '');
}
