/** Statements of src/storage/postgres that do not name the tenant of a distributed table, and why each may. */

const OF_AN_ID =
  'By an id or number of ours, which names no tenant: a look-up on all shards, by an index of each.';
const OF_A_LIST =
  'A list: its conditions, with the tenant where the caller has one, are added at run time; without one, it is a list over all tenants.';
const OF_THE_CARETAKER =
  'Retention, counting, canceling and the like: over all tenants, in slices, beside the hot way.';
const OF_A_START = 'Read at a start, or when a version says that something changed.';

export const OVER_TENANTS: Readonly<Record<string, string>> = {
  'attempts.ts SELECT': OF_A_LIST,
  'attempts.ts TENANT': OF_AN_ID,
  'attempts.ts attemptGet': OF_AN_ID,
  'cancel-slice.ts CANCELING': OF_THE_CARETAKER,
  'clients.ts SELECT': OF_A_LIST,
  'clients.ts clientGet': OF_AN_ID,
  'clients.ts clientRing': OF_A_START,
  'clients.ts clientUpdate': OF_AN_ID,
  'deliveries.ts DESTINATIONS': OF_A_LIST,
  'deliveries.ts SELECT': OF_A_LIST,
  'deliveries.ts SELECT_OF_ALL': OF_A_LIST,
  'deliveries.ts deliveryGet': OF_AN_ID,
  'destinations.ts SELECT': OF_A_LIST,
  'event-search.ts SCAN': OF_A_LIST,
  'event-tenants.ts TENANTS': OF_AN_ID,
  'events.ts KEYS_ON_ALL': OF_AN_ID,
  'events.ts SELECT': OF_A_LIST,
  'events.ts eventGet': OF_AN_ID,
  'events.ts eventsOf': OF_AN_ID,
  'health.ts ENDING': OF_THE_CARETAKER,
  'health.ts LIST': OF_A_START,
  'health.ts NEXT': OF_THE_CARETAKER,
  'metrics-names.ts DESTINATIONS': OF_A_LIST,
  'metrics-names.ts NAMES': OF_A_LIST,
  'node.ts FREE': OF_THE_CARETAKER,
  'node.ts FREE_ON_ALL': OF_THE_CARETAKER,
  'prune.ts CANCEL_HELD': OF_THE_CARETAKER,
  'prune.ts DELETE_REPLAYS': OF_THE_CARETAKER,
  'prune.ts DELETE_SHAPES': OF_THE_CARETAKER,
  'prune.ts OLD_KEYS': OF_THE_CARETAKER,
  'prune.ts STAYING_DISABLED': OF_THE_CARETAKER,
  'prune-days.ts HAS_OTHERS': OF_THE_CARETAKER,
  'prune-days.ts OLD_EVENTS': OF_THE_CARETAKER,
  'prune-days.ts STAYING': OF_THE_CARETAKER,
  'replay-advance.ts REPLAY': OF_AN_ID,
  'replay-settle.ts COMPLETE': OF_THE_CARETAKER,
  'replay-settle.ts ENDED': 'A part of others: OF_THESE adds the tenant.',
  'replay-settle.ts OF_ALL': OF_THE_CARETAKER,
  'replays.ts OPEN': OF_THE_CARETAKER,
  'replays.ts SELECT': OF_A_LIST,
  'replays.ts STATUS': OF_AN_ID,
  'replays.ts STOP': OF_AN_ID,
  'replays.ts replayGet': OF_AN_ID,
  'rollup-batch.ts ATTEMPTS': OF_THE_CARETAKER,
  'rollup-batch.ts EVENTS': OF_THE_CARETAKER,
  'rollup-prune.ts DROP_ATTEMPTS': OF_THE_CARETAKER,
  'rollup-prune.ts DROP_DESTINATIONS': OF_THE_CARETAKER,
  'rollup-prune.ts DROP_EVENTS': OF_THE_CARETAKER,
  'rollup-prune.ts TENANTS_OF_ATTEMPTS': OF_THE_CARETAKER,
  'rollup-prune.ts TENANTS_OF_EVENTS': OF_THE_CARETAKER,
  'rollup-read.ts END': OF_THE_CARETAKER,
  'rollup-read.ts LAST': OF_THE_CARETAKER,
  'sealed.ts SOURCES': 'Every sealed box, by pages: `angarium keys reencrypt`.',
  'tidy-days.ts IS_OPEN': OF_THE_CARETAKER,
  'topics.ts NAMED_BY':
    'The oldest few destinations that name a topic, of any tenant: a topic is deleted.',
  'untold.ts FAILED':
    'what happened just before the end, of every tenant, when a node starts: on Citus a part of it for each shard',
  'waiting.ts WAITING': OF_A_START,
  'waiting.ts WAITING_TENANTS': OF_A_START,
};

const OF_A_COPY = 'A copy from another engine, to a database that is not distributed yet.';

/** Statements whose tables or conditions are not in their text. */
export const MADE_AT_RUN_TIME: Readonly<Record<string, string>> = {
  'copy-statements.ts insertInto': OF_A_COPY,
  'copy-statements.ts numberFrom': OF_A_COPY,
  'copy-statements.ts selectData': OF_A_COPY,
  'copy-statements.ts selectDigests': OF_A_COPY,
  'erase.ts sliceOf': 'The table and its key are put in; the tenant is there.',
  'event-search.ts eventSearch': OF_A_LIST,
  'metrics.ts groups':
    'Counts by the dimensions that are asked for; of one tenant where one is asked for.',
  'usage.ts usageList': OF_A_LIST,
};

/**
 * Statements that lock rows of several tenants, which Citus refuses: what is sent there instead (by-tenant.ts) is looked at by
 * test/storage/postgres-by-tenant.test.ts.
 */
export const LOCKS_OVER_TENANTS: Readonly<Record<string, string>> = {
  'prune.ts CANCEL_HELD':
    'What is held for destinations that stay disabled, of all tenants, in slices. On Citus CANCEL_HELD_OF_ONE.',
  'record.ts HELD':
    'The outcomes of one commit, of all tenants that it is about. On Citus HELD_OF_ONE.',
};

const BY_A_VALUE = 'On all shards, by values alone, and without another table: Citus takes it.';
const IN_THE_SAME_SHARD =
  'On all shards; what is looked for in another table is found by the tenant, so on the same one.';
const OF_COUNTS = 'Rows that are handed over, each with its tenant: Citus sends each to its shard.';

/** What is sent on Citus all the same without one tenant's value, by a run of the conformance suite. */
export const SENT_OVER_TENANTS: Readonly<Record<string, string>> = {
  'node.ts FREE_ON_ALL': BY_A_VALUE,
  'prune.ts DELETE_REPLAYS': BY_A_VALUE,
  'prune.ts DELETE_SHAPES':
    'On all shards, by the number of the oldest attempt, which Citus reads first.',
  'replay-settle.ts COMPLETE': IN_THE_SAME_SHARD,
  'replays.ts STOP': BY_A_VALUE,
  'rollup-apply.ts ADD_ATTEMPTS': OF_COUNTS,
  'rollup-apply.ts ADD_EVENTS': OF_COUNTS,
  'rollup-prune.ts DROP_DESTINATIONS': IN_THE_SAME_SHARD,
  'sealed.ts SOURCES': BY_A_VALUE,
};
