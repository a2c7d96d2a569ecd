CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
  no              INTEGER PRIMARY KEY AUTOINCREMENT,
  id              TEXT NOT NULL UNIQUE,
  metadata        TEXT NOT NULL,
  routing_version INTEGER NOT NULL,
  created_ms      INTEGER NOT NULL,
  updated_ms      INTEGER NOT NULL
, settings TEXT NOT NULL DEFAULT '{}', sealed_secrets BLOB, secrets_revision INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE destinations (
  no                 INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_no          INTEGER NOT NULL,
  id                 TEXT NOT NULL,
  type               TEXT NOT NULL,
  definition         TEXT NOT NULL, -- JSON: name, profile, topics, config, metadata, policy
  sealed_credentials BLOB NOT NULL,
  revision           INTEGER NOT NULL,
  disabled_ms        INTEGER,
  created_ms         INTEGER NOT NULL,
  updated_ms         INTEGER NOT NULL,
  deleted_ms         INTEGER,       -- kept, emptied, for as long as its history is
  cancel_below_seq   INTEGER        -- what it was owed of events before this number is being canceled
, disabled_reason TEXT, expires_ms INTEGER, expiry_warned_days INTEGER, api_client TEXT) STRICT;

CREATE UNIQUE INDEX destinations_by_id ON destinations (tenant_no, id) WHERE deleted_ms IS NULL;

CREATE INDEX destinations_canceling ON destinations (no) WHERE cancel_below_seq IS NOT NULL;

CREATE TABLE events (
  seq                      INTEGER PRIMARY KEY,
  tenant_no                INTEGER NOT NULL,
  id                       TEXT,    -- the caller's; NULL: spelled from the number
  topic                    TEXT NOT NULL,
  time_ms                  INTEGER NOT NULL,
  eligible_for_retry       INTEGER NOT NULL,
  metadata                 TEXT,    -- canonical JSON; NULL: empty
  requested_destination_id TEXT,
  data                     BLOB NOT NULL
, resource TEXT, test INTEGER NOT NULL DEFAULT 0, order_key TEXT, deliver_at_ms INTEGER) STRICT;

CREATE UNIQUE INDEX events_by_caller_id ON events (id, tenant_no) WHERE id IS NOT NULL;

CREATE INDEX events_by_time ON events (tenant_no, time_ms);

CREATE TABLE deliveries (
  event_seq        INTEGER NOT NULL,
  ordinal          INTEGER NOT NULL,
  tenant_no        INTEGER NOT NULL,
  destination_no   INTEGER NOT NULL,
  status           INTEGER NOT NULL,  -- 0 pending, 1 delivered, 2 failed, 3 canceled
  attempts         INTEGER NOT NULL,
  step             INTEGER NOT NULL,
  manual           INTEGER NOT NULL,  -- the next attempt was asked for by hand
  next_attempt_ms  INTEGER,
  claimed_by       INTEGER NOT NULL,  -- incarnation of the node that has it in memory; 0: nobody
  last_code        TEXT,
  last_attempt_seq INTEGER,           -- head of the chain of its attempts
  created_ms       INTEGER,           -- NULL: with its event; else added by hand
  updated_ms       INTEGER NOT NULL, order_key TEXT, holds INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (event_seq, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_pending ON deliveries (destination_no, claimed_by, next_attempt_ms) WHERE status = 0;

CREATE INDEX deliveries_by_destination ON deliveries (destination_no);

CREATE INDEX deliveries_by_tenant ON deliveries (tenant_no);

CREATE INDEX deliveries_failed ON deliveries (tenant_no) WHERE status = 2;

CREATE TABLE request_shapes (
  no      INTEGER PRIMARY KEY,
  day     INTEGER NOT NULL, -- days since 1970
  url     TEXT NOT NULL,
  headers TEXT NOT NULL,    -- lines of name, value, name, value
  payload TEXT NOT NULL
, tenant_no INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE attempts (
  seq              INTEGER PRIMARY KEY,
  event_seq        INTEGER NOT NULL,
  ordinal          INTEGER NOT NULL,
  previous_seq     INTEGER,           -- the delivery's attempt before this one
  tenant_no        INTEGER NOT NULL,
  destination_no   INTEGER NOT NULL,
  number           INTEGER NOT NULL,
  kind             TEXT NOT NULL,
  started_ms       INTEGER NOT NULL,
  reason           TEXT,              -- NULL: delivered
  detail           TEXT,
  dns_us           INTEGER,
  connect_us       INTEGER,
  tls_us           INTEGER,
  first_byte_us    INTEGER,
  total_us         INTEGER NOT NULL,
  shape_no         INTEGER NOT NULL,
  request_headers  TEXT NOT NULL,     -- those of this attempt alone; lines as above
  response_status  INTEGER,
  response_headers TEXT,
  response_body    BLOB,
  truncated        INTEGER NOT NULL
) STRICT;

CREATE INDEX attempts_by_tenant ON attempts (tenant_no);

CREATE INDEX attempts_by_destination ON attempts (destination_no);

CREATE TABLE topics (
  name       TEXT PRIMARY KEY,
  definition TEXT NOT NULL, -- JSON: description, schema, sample, deprecated, enforcement
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  no           INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  scope        TEXT NOT NULL,
  prefix       TEXT NOT NULL,
  hash         BLOB NOT NULL,
  revision     INTEGER NOT NULL,
  created_ms   INTEGER NOT NULL,
  expires_ms   INTEGER,
  last_used_ms INTEGER,
  revoked_ms   INTEGER
) STRICT;

CREATE TABLE audit (
  seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ms       INTEGER NOT NULL,
  actor_kind    TEXT NOT NULL,
  actor_id      TEXT,    -- NULL: the key of the configuration
  actor_name    TEXT NOT NULL,
  action        TEXT NOT NULL,
  tenant_id     TEXT,    -- NULL: concerns no tenant
  resource_kind TEXT NOT NULL,
  resource_id   TEXT NOT NULL,
  before        TEXT,    -- JSON without secrets
  after         TEXT,
  address       TEXT NOT NULL,
  request_id    TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_tenant ON audit (tenant_id);

CREATE INDEX audit_by_resource ON audit (resource_id);

CREATE INDEX audit_by_time ON audit (time_ms);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'an entry of the audit log is never changed');
END;

CREATE TABLE rollup_progress (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  from_seq       INTEGER NOT NULL,
  to_seq         INTEGER NOT NULL,  -- from_seq: nothing is being counted
  after_key      TEXT NOT NULL,
  minutes_from_s INTEGER NOT NULL   -- the minutes before are dropped
) STRICT;

CREATE TABLE rollup_topics (
  no    INTEGER PRIMARY KEY,
  topic TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE attempt_rollups (
  width_s        INTEGER NOT NULL,  -- 60, 3600 or 86400
  cube           INTEGER NOT NULL,  -- 0: by tenant, 1: by destination as well, 2: by everything
  start_s        INTEGER NOT NULL,
  tenant_no      INTEGER NOT NULL,
  destination_no INTEGER NOT NULL,  -- 0 where the cube does not tell it apart; so are the others
  topic_no       INTEGER NOT NULL,
  code           TEXT NOT NULL,
  failed         INTEGER NOT NULL,
  manual         INTEGER NOT NULL,
  number         INTEGER NOT NULL,
  count          INTEGER NOT NULL,
  failed_count   INTEGER NOT NULL,
  first_count    INTEGER NOT NULL,
  manual_count   INTEGER NOT NULL,
  number_sum     INTEGER NOT NULL,
  latency        BLOB NOT NULL,     -- src/domain/latency-histogram.ts
  PRIMARY KEY (width_s, cube, start_s, tenant_no, destination_no, topic_no, code, failed, manual, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_rollups (
  width_s        INTEGER NOT NULL,
  start_s        INTEGER NOT NULL,
  tenant_no      INTEGER NOT NULL,
  destination_no INTEGER NOT NULL,  -- 0: the events themselves; else those that the destination was owed
  topic_no       INTEGER NOT NULL,
  count          INTEGER NOT NULL,
  PRIMARY KEY (width_s, start_s, tenant_no, destination_no, topic_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_erasures (
  tenant_no INTEGER PRIMARY KEY,
  from_s    INTEGER NOT NULL
) STRICT;

CREATE INDEX destinations_deleted ON destinations (deleted_ms) WHERE deleted_ms IS NOT NULL;

CREATE INDEX deliveries_in_order ON deliveries (destination_no, order_key, event_seq, ordinal)
  WHERE order_key IS NOT NULL AND (status = 0 OR holds = 1);

CREATE INDEX destinations_expiring ON destinations (expires_ms)
  WHERE expires_ms IS NOT NULL AND disabled_ms IS NULL AND deleted_ms IS NULL;

CREATE INDEX destinations_disabled ON destinations (no) WHERE disabled_ms IS NOT NULL AND deleted_ms IS NULL;

CREATE TABLE destination_health (
  destination_no INTEGER PRIMARY KEY,
  health         TEXT NOT NULL
) STRICT;

CREATE TABLE mails (
  no             INTEGER PRIMARY KEY,
  tenant_id      TEXT NOT NULL,
  destination_id TEXT NOT NULL,
  reason         TEXT NOT NULL,
  recipient      TEXT NOT NULL,
  count          INTEGER NOT NULL, -- notices that were not mailed yet; 0: none
  items          TEXT NOT NULL,    -- JSON: the first of them
  due_ms         INTEGER NOT NULL,
  failures       INTEGER NOT NULL, -- in a row
  sent_ms        INTEGER
) STRICT;

CREATE UNIQUE INDEX mails_by_reason ON mails (tenant_id, destination_id, reason, recipient);

CREATE INDEX mails_due ON mails (due_ms) WHERE count > 0;

CREATE TABLE mail_refusals (
  tenant_id TEXT NOT NULL,
  recipient TEXT NOT NULL,
  PRIMARY KEY (tenant_id, recipient)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_clients (
  no                     INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_no              INTEGER NOT NULL,
  urn                    TEXT NOT NULL UNIQUE,
  name                   TEXT NOT NULL,
  client_id              TEXT NOT NULL,
  scope                  TEXT NOT NULL,
  permissions            TEXT NOT NULL, -- JSON; "all": full access
  prefix                 TEXT NOT NULL,
  hash                   BLOB NOT NULL,
  previous_prefix        TEXT,          -- the token before; NULL: there is none
  previous_hash          BLOB,
  previous_until_ms      INTEGER,
  sealed_secrets         BLOB NOT NULL,
  certificate_expires_ms INTEGER,       -- NULL: it has none
  revision               INTEGER NOT NULL,
  created_ms             INTEGER NOT NULL,
  updated_ms             INTEGER NOT NULL,
  expires_ms             INTEGER,
  revoked_ms             INTEGER
) STRICT;

CREATE INDEX api_clients_by_tenant ON api_clients (tenant_no);

CREATE UNIQUE INDEX api_clients_by_client_id ON api_clients (tenant_no, client_id) WHERE revoked_ms IS NULL;

CREATE TABLE replays (
  no              INTEGER PRIMARY KEY AUTOINCREMENT,
  id              TEXT NOT NULL UNIQUE,
  tenant_no       INTEGER NOT NULL,
  destination_no  INTEGER,          -- NULL: all of the tenant's
  destination_id  TEXT,
  criteria        TEXT NOT NULL,    -- JSON: select, time, topics, filter, order
  rate_per_minute INTEGER,
  below_seq       INTEGER NOT NULL, -- what came in after the replay was made is not part of it
  position        TEXT,             -- JSON: the last event that was looked at; NULL: none
  is_read         INTEGER NOT NULL, -- there are no more events to look at
  status          TEXT NOT NULL,
  reason          TEXT,
  count           INTEGER NOT NULL,
  done            INTEGER NOT NULL,
  failed          INTEGER NOT NULL,
  canceled        INTEGER NOT NULL,
  created_by      TEXT NOT NULL,
  created_ms      INTEGER NOT NULL,
  updated_ms      INTEGER NOT NULL,
  ended_ms        INTEGER
) STRICT;

CREATE INDEX replays_by_tenant ON replays (tenant_no);

CREATE INDEX replays_running ON replays (no) WHERE status = 'running';

CREATE TABLE replay_deliveries (
  event_seq INTEGER NOT NULL,
  ordinal   INTEGER NOT NULL,
  replay_no INTEGER NOT NULL,
  PRIMARY KEY (event_seq, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX replay_deliveries_by_replay ON replay_deliveries (replay_no);

CREATE TABLE deletions (
  tenant_no  INTEGER PRIMARY KEY,
  tenant_id  TEXT NOT NULL,
  started_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX request_shapes_by_tenant ON request_shapes (tenant_no);

CREATE INDEX destinations_by_tenant ON destinations (tenant_no);
