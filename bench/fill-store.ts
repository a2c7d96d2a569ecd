/**
 * Fills a database with delivered events of the last days, through the storage driver and without a flush for each group:
 * what comes out is what the server would have written. The database belongs to no running server, and has a delivered
 * event already: its attempt is the model of all others.
 */
import type { Clock } from '../src/domain/clock.ts';
import { systemRandom } from '../src/domain/id.ts';
import { openInlineDatabase, openInlineStorage } from '../src/storage/sqlite/inline.ts';
import type { StoredAttempt } from '../src/storage/reading.ts';
import type { AttemptRecord, NewEvent, PublishOutcome } from '../src/storage/storage.ts';
import { eventData, TOPIC } from './event.ts';
import { partOptions, tell } from './part.ts';

export interface FillOptions {
  readonly databasePath: string;
  /** Each has one destination. */
  readonly tenantIds: readonly string[];
  readonly events: number;
}

const GROUP = 1000;
const GROUPS_BETWEEN_CHECKPOINTS = 50;
/** Well within retention. */
const OLDEST_MS = 5 * 24 * 60 * 60 * 1000;

const { databasePath, tenantIds, events } = partOptions() as FillOptions;
const startMs = Date.now() - OLDEST_MS;
let filled = 0;
const clock: Clock = {
  nowMs: () => Math.floor(startMs + (OLDEST_MS * filled) / events),
  monotonicMs: () => performance.now(),
  schedule: () => {
    throw new Error('nothing here waits');
  },
  soon: () => {
    throw new Error('nothing here waits');
  },
};

const open = openInlineDatabase({ path: databasePath, maxBytes: null });
open.db.exec('PRAGMA synchronous = OFF');
const storage = openInlineStorage(open, clock, systemRandom);
const model = await anAttempt();
const tenants = await Promise.all(tenantIds.map(tenantOf));
const data = Buffer.from(eventData());

for (let group = 0; filled < events; group++) {
  await fillGroup(Math.min(GROUP, events - filled), group);
  if (group % GROUPS_BETWEEN_CHECKPOINTS === 0) {
    await countAll();
    open.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }
}
await countAll();
open.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
open.close();
tell({ filled });

/** A server that has delivered them has counted them too, within seconds. */
async function countAll(): Promise<void> {
  while ((await storage.rollUpSlice({ limit: GROUP })).more);
}

async function fillGroup(count: number, group: number): Promise<void> {
  const outcomes = await storage.publish({
    events: Array.from({ length: count }, (_, index) => newEvent(group + index)),
  });
  await storage.record({ attempts: outcomes.map(delivered) });
  filled += count;
}

function newEvent(turn: number): NewEvent {
  const tenant = tenants[turn % tenants.length];
  if (tenant === undefined) throw new Error('there are no tenants');
  return {
    ...tenant,
    id: null,
    topic: TOPIC,
    timeMs: null,
    eligibleForRetry: true,
    metadata: null,
    resource: null,
    orderKey: null,
    deliverAtMs: null,
    data,
    test: false,
    requestedDestinationId: null,
  };
}

function delivered(outcome: PublishOutcome): AttemptRecord {
  if (outcome.kind !== 'stored') throw new Error(`an event was not stored: ${outcome.kind}`);
  return {
    delivery: { seq: outcome.seq, ordinal: 0 },
    number: model.number,
    kind: model.kind,
    step: 0,
    verdict: { status: 'delivered' },
    startedAtMs: outcome.timeMs,
    reason: null,
    detail: null,
    timings: model.timings,
    request: model.request,
    response: model.response,
  };
}

async function tenantOf(tenantId: string) {
  const routing = await storage.routingOf({ tenantId });
  const [destination] = routing?.destinations ?? [];
  if (routing === null || destination === undefined)
    throw new Error(`tenant ${tenantId} has no destination`);
  return {
    tenantId,
    routingVersion: routing.version,
    destinations: [{ id: destination.id, claimed: true }],
  };
}

async function anAttempt(): Promise<StoredAttempt> {
  const { rows } = await storage.attemptList({
    tenantIds: [],
    destinationId: null,
    destinationTypes: [],
    eventSeq: null,
    delivery: null,
    topics: [],
    status: 'success',
    time: { fromMs: null, toMs: null },
    page: { limit: 1, order: 'desc', from: null },
  });
  const [attempt] = rows;
  if (attempt === undefined) throw new Error(`there is no delivered event to copy`);
  return attempt;
}
