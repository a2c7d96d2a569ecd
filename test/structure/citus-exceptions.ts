/** Statements of src/storage/postgres that break a rule of test/support/sql-citus.ts, and why each may. */
import type { Refusal } from '../support/sql-citus.ts';

type Listed = Readonly<Record<string, readonly [refusals: readonly Refusal[], why: string]>>;

/** For the undistributed tables of one server, where one statement is cheaper than several; and what is sent on Citus instead. */
export const NOT_SENT: Listed = {
  'claim.ts CLAIM': [['changes'], 'CLAIM_OF_ONE'],
  'claim.ts FIND_LANES': [['local'], 'findLanesApart (find-lanes.ts): DESTINATIONS, OWN'],
  'claim.ts LATER_WITHOUT_KEY': [['local'], 'LATER_OF_READ'],
  'claim.ts RELEASE': [['changes'], 'RELEASE_OF_ONE'],
  'deliveries.ts SELECT_OF_ALL': [['lateral'], 'SELECT, which each worker sorts for itself'],
  'due-retries.ts RETRIES': [['local'], 'RETRIES_OF_READ'],
  'due.ts DUE': [['local', 'lateral'], 'DUE_OF_ONE'],
  'due.ts DUE_UNORDERED': [['local', 'lateral'], 'DUE_UNORDERED_OF_ONE'],
  'due.ts NEXT_DUE': [['local', 'lateral'], 'NEXT_DUE_OF_ONE'],
  'events.ts KEYS': [['lateral'], 'KEYS_ON_ALL'],
  'given.ts GIVEN': [['lateral'], 'GIVEN_OF_ONE'],
  'lanes.ts TAKE': [['local'], 'TAKE_ALONE, then HEALTH'],
  'node.ts FREE': [
    ['local', 'changes', 'recursive', 'lateral', 'function'],
    'LONG_DEAD_NODES, then FREE_ON_ALL',
  ],
  'prune-days.ts DELETE_ATTEMPTS': [
    ['changes', 'recursive'],
    'ATTEMPTS_OF_ONE, then DELETE_ATTEMPTS_OF_ONE',
  ],
  'prune-days.ts DELETE_DELIVERIES': [['changes'], 'DELIVERIES_OF_ONE'],
  'prune-days.ts DELETE_EVENTS': [['changes'], 'EVENTS_OF_ONE'],
  'prune.ts CANCEL_HELD': [
    ['local', 'locks', 'changes', 'lateral', 'function'],
    'STAYING_DISABLED, then CANCEL_HELD_OF_ONE',
  ],
  'prune.ts DELETE_KEYS': [['changes'], 'KEYS_OF_ONE'],
  'publish.ts INSERT_EVENTS': [['writes twice'], 'INSERT_KEYS, then INSERT_EVENTS_ALONE'],
  'record.ts HELD': [['locks'], 'HELD_OF_ONE'],
  'record.ts RECORD_FIRST': [
    ['changes', 'writes twice'],
    'what is for outcomes that are not first: HELD_OF_ONE, INSERT, UPDATE_OF_ONE',
  ],
  'record.ts UPDATE': [['changes'], 'UPDATE_OF_ONE'],
  'replay-advance.ts MAKE_DUE': [['local', 'function'], 'LOCK, then MAKE_DUE_BY_HOLDERS'],
  'replay-settle.ts DELETE': [['changes'], 'DELETE_OF_ONE'],
  'rollup-prune.ts DROP_ATTEMPTS': [['changes', 'place'], 'DROP_ATTEMPTS_OF_ONE'],
  'rollup-prune.ts DROP_EVENTS': [['changes', 'place'], 'DROP_EVENTS_OF_ONE'],
  'waiting.ts WAITING': [['local', 'recursive', 'lateral'], 'WAITING_TENANTS, then WAITING_OF_ONE'],
};

const BY_A_VALUE = 'By values alone, and without another table: Citus does that on all shards.';
const IN_THE_SAME_SHARD =
  'What is looked for in another table is found by the tenant, so on the same shard: Citus does that on all of them.';

/** Sent on Citus as well. */
export const SENT_ALL_THE_SAME: Listed = {
  'node.ts FREE_ON_ALL': [['changes'], BY_A_VALUE],
  'prune.ts DELETE_REPLAYS': [['changes'], BY_A_VALUE],
  'prune.ts DELETE_SHAPES': [
    ['changes'],
    'By the number of the oldest attempt, which depends on no row that is deleted: Citus reads it first.',
  ],
  'replay-settle.ts COMPLETE': [['changes'], IN_THE_SAME_SHARD],
  'replays.ts STOP': [['changes'], BY_A_VALUE],
  'rollup-prune.ts DROP_DESTINATIONS': [['changes'], IN_THE_SAME_SHARD],
  'sealed.ts SOURCES': [['changes'], BY_A_VALUE],
};

/** In PL/pgSQL, by statements that are made at run time: what they do by Citus's documentation. */
export const FUNCTIONS: Readonly<Record<string, string>> = {
  audit_is_never_changed: 'A trigger of a table of the coordinator.',
  end_days:
    'Detaches and drops partitions, which Citus takes on to the shards. Its lock_timeout is that of the coordinator alone: on the workers it may wait for readers.',
  make_day:
    'Attaches new tables as partitions, which Citus distributes then. Their statistics stay on the coordinator: the shards of a new day have none until the first ANALYZE.',
};
