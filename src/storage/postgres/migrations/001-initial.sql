-- Every table of a tenant's data has a key that leads with the tenant's number, and no statement of the hot way joins
-- across tenants. Text is compared byte by byte (COLLATE "C") where its order matters, whatever the database is set to.
-- Payloads are bytea: text cannot hold every byte, and jsonb spells numbers anew.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- One row. Events and attempts are numbered in microseconds, and only upwards, over all nodes. Who takes numbers holds
-- the row until its commit: so rows become visible in the order of their numbers, and nobody sees a gap that fills later.
CREATE TABLE numbers (
  id       SMALLINT PRIMARY KEY CHECK (id = 1),
  last_seq BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO numbers (id, last_seq) VALUES (1, 0);

-- Each start of a node is an incarnation of its own. Its claims hold for as long as its lease, by the database's clock.
CREATE TABLE nodes (
  incarnation BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lease_until TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE tenants (
  no               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id               TEXT COLLATE "C" NOT NULL UNIQUE,
  metadata         TEXT NOT NULL,
  settings         TEXT NOT NULL,  -- JSON: name, contacts, profile, limits
  sealed_secrets   BYTEA,
  secrets_revision BIGINT NOT NULL DEFAULT 0,
  routing_version  BIGINT NOT NULL,
  created_ms       BIGINT NOT NULL,
  updated_ms       BIGINT NOT NULL
);

CREATE TABLE destinations (
  no                 BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_no          BIGINT NOT NULL,
  id                 TEXT COLLATE "C" NOT NULL,
  type               TEXT NOT NULL,
  topics             TEXT[] NOT NULL, -- those of the definition
  definition         TEXT NOT NULL,  -- JSON, not parsed here: it may hold escapes that no text of the server can
  sealed_credentials BYTEA NOT NULL,
  revision           BIGINT NOT NULL,
  api_client         TEXT,           -- urn of the API client that owns it, as the definition says; NULL: none
  disabled_ms        BIGINT,
  disabled_reason    TEXT,
  expires_ms         BIGINT,
  expiry_warned_days SMALLINT,       -- 7 or 1: what was told last; NULL: nothing yet
  created_ms         BIGINT NOT NULL,
  updated_ms         BIGINT NOT NULL,
  deleted_ms         BIGINT,         -- kept, emptied, for as long as its history is
  cancel_below_seq   BIGINT,         -- what it was owed of events before this number is being canceled
  PRIMARY KEY (tenant_no, no)
);
-- The id is free again once the destination is deleted.
CREATE UNIQUE INDEX destinations_by_id ON destinations (tenant_no, id) WHERE deleted_ms IS NULL;
-- By number alone: names of what was counted, and every sealed box.
CREATE INDEX destinations_by_no ON destinations (no);
-- What the canceler looks for; nearly always empty.
CREATE INDEX destinations_canceling ON destinations (no) WHERE cancel_below_seq IS NOT NULL;
-- Deleted destinations give their names to what is counted of them, for as long as that is kept.
CREATE INDEX destinations_deleted ON destinations (deleted_ms) WHERE deleted_ms IS NOT NULL;
-- What is going to expire; empty where nothing has an end.
CREATE INDEX destinations_expiring ON destinations (expires_ms)
  WHERE expires_ms IS NOT NULL AND disabled_ms IS NULL AND deleted_ms IS NULL;
-- What may hold deliveries until retention ends; nearly always small.
CREATE INDEX destinations_disabled ON destinations (no) WHERE disabled_ms IS NOT NULL AND deleted_ms IS NULL;

-- How destinations have fared since they were enabled (domain/health.ts), some seconds old; JSON.
CREATE TABLE destination_health (
  tenant_no      BIGINT NOT NULL,
  destination_no BIGINT NOT NULL,
  health         TEXT NOT NULL,
  PRIMARY KEY (tenant_no, destination_no)
);
-- All of them, by pages, at each start.
CREATE INDEX destination_health_by_no ON destination_health (destination_no);

-- API clients: the credentials of a tenant's integrations. Of a token there is the hash, by which it is known, and in
-- the box the token itself, as it has to be sent. The number `clients_version` in `meta` is raised by each change.
CREATE TABLE api_clients (
  no                     BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_no              BIGINT NOT NULL,
  urn                    TEXT COLLATE "C" NOT NULL,
  name                   TEXT NOT NULL,
  client_id              TEXT COLLATE "C" NOT NULL,
  scope                  TEXT NOT NULL,
  permissions            TEXT NOT NULL,  -- JSON; "all": full access
  prefix                 TEXT NOT NULL,
  hash                   BYTEA NOT NULL,
  previous_prefix        TEXT,           -- the token before; NULL: there is none
  previous_hash          BYTEA,
  previous_until_ms      BIGINT,
  sealed_secrets         BYTEA NOT NULL,
  certificate_expires_ms BIGINT,         -- NULL: it has none
  revision               BIGINT NOT NULL,
  created_ms             BIGINT NOT NULL,
  updated_ms             BIGINT NOT NULL,
  expires_ms             BIGINT,
  revoked_ms             BIGINT,
  PRIMARY KEY (tenant_no, no)
);
-- By urn and by number, which name no tenant: of a request's token, and every sealed box.
CREATE UNIQUE INDEX api_clients_by_urn ON api_clients (urn);
CREATE INDEX api_clients_by_no ON api_clients (no);
-- The client id is free again once the client is revoked.
CREATE UNIQUE INDEX api_clients_by_client_id ON api_clients (tenant_no, client_id) WHERE revoked_ms IS NULL;

CREATE TABLE events (
  tenant_no                BIGINT NOT NULL,
  seq                      BIGINT NOT NULL,
  id                       TEXT COLLATE "C",  -- the caller's; NULL: spelled from the number
  topic                    TEXT COLLATE "C" NOT NULL,
  time_ms                  BIGINT NOT NULL,
  eligible_for_retry       BOOLEAN NOT NULL,
  test                     BOOLEAN NOT NULL,
  metadata                 TEXT,              -- canonical JSON; NULL: empty
  resource                 TEXT,              -- canonical JSON; NULL: not said
  order_key                TEXT COLLATE "C",
  requested_destination_id TEXT,
  data                     BYTEA NOT NULL,
  deliver_at_ms            BIGINT,            -- at the earliest: the window of a retry schedule begins there; NULL: at once
  PRIMARY KEY (tenant_no, seq)
);
-- Ids that we give name no tenant; lists over all tenants; where retention cuts.
CREATE INDEX events_by_seq ON events (seq);
-- Idempotency, and look-up by the caller's id, also without the tenant. Events with ids of ours are not in it.
CREATE UNIQUE INDEX events_by_caller_id ON events (id, tenant_no) WHERE id IS NOT NULL;
-- A tenant's events by time.
CREATE INDEX events_by_time ON events (tenant_no, time_ms, seq);

CREATE TABLE deliveries (
  tenant_no        BIGINT NOT NULL,
  event_seq        BIGINT NOT NULL,
  ordinal          INTEGER NOT NULL,
  destination_no   BIGINT NOT NULL,
  status           SMALLINT NOT NULL,  -- 0 pending, 1 delivered, 2 failed, 3 canceled
  attempts         INTEGER NOT NULL,
  step             INTEGER NOT NULL,
  asked_by         SMALLINT NOT NULL,  -- who asked for the next attempt: 0 the schedule, 1 somebody by hand, 2 a replay
  holds            BOOLEAN NOT NULL DEFAULT false,  -- failed, and keeps its order key from those behind it
  next_attempt_ms  BIGINT,
  claimed_by       BIGINT NOT NULL,    -- incarnation of the node that has it in memory; 0: nobody
  last_code        TEXT,
  last_attempt_seq BIGINT,             -- head of the chain of its attempts
  order_key        TEXT COLLATE "C",   -- NULL: its destination has no order
  created_ms       BIGINT,             -- NULL: with its event; else added by hand
  updated_ms       BIGINT NOT NULL,
  PRIMARY KEY (tenant_no, event_seq, ordinal)
);
-- What is owed, lane by lane; empty when all is delivered.
CREATE INDEX deliveries_pending ON deliveries (tenant_no, destination_no, claimed_by, next_attempt_ms, event_seq, ordinal)
  WHERE status = 0;
-- A destination's deliveries, and whether it still has any.
CREATE INDEX deliveries_by_destination ON deliveries (tenant_no, destination_no, event_seq, ordinal);
-- A tenant's failures, what people look for first; costs nothing while all goes well.
CREATE INDEX deliveries_failed ON deliveries (tenant_no, event_seq, ordinal) WHERE status = 2;
-- The first of each order key, by leaps from key to key; empty without ordered destinations.
CREATE INDEX deliveries_in_order ON deliveries (tenant_no, destination_no, order_key, event_seq, ordinal)
  WHERE order_key IS NOT NULL AND (status = 0 OR holds);

-- What the requests to a destination have in common. A process writes a shape anew each day that it uses it, so that
-- retention can drop the old ones.
CREATE TABLE request_shapes (
  no        BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_no BIGINT NOT NULL,   -- the shapes of a tenant go with it, and no other may use them
  day       INTEGER NOT NULL,  -- days since 1970
  url       TEXT NOT NULL,
  headers   TEXT NOT NULL,     -- lines of name, value, name, value
  payload   TEXT NOT NULL,
  PRIMARY KEY (tenant_no, no)
);

CREATE TABLE attempts (
  tenant_no        BIGINT NOT NULL,
  seq              BIGINT NOT NULL,
  event_seq        BIGINT NOT NULL,
  ordinal          INTEGER NOT NULL,
  previous_seq     BIGINT,            -- the delivery's attempt before this one
  destination_no   BIGINT NOT NULL,
  number           INTEGER NOT NULL,
  kind             TEXT NOT NULL,
  started_ms       BIGINT NOT NULL,
  reason           TEXT,              -- NULL: delivered
  detail           TEXT,
  dns_us           BIGINT,
  connect_us       BIGINT,
  tls_us           BIGINT,
  first_byte_us    BIGINT,
  total_us         BIGINT NOT NULL,
  shape_no         BIGINT NOT NULL,
  request_headers  TEXT NOT NULL,     -- those of this attempt alone; lines as above
  response_status  INTEGER,
  response_headers TEXT,
  response_body    BYTEA,
  truncated        BOOLEAN NOT NULL,
  PRIMARY KEY (tenant_no, seq)
);
-- Ids that we give name no tenant; lists over all tenants; what is not counted yet.
CREATE INDEX attempts_by_seq ON attempts (seq);
-- A destination's attempts in the order in which they were recorded.
CREATE INDEX attempts_by_destination ON attempts (tenant_no, destination_no, seq);

-- Replays: events of a time range again, to one destination. What a replay has made due, and is not done with, stands in
-- `replay_deliveries`: never more than some hundreds of rows for each replay that runs.
CREATE TABLE replays (
  no              BIGINT GENERATED ALWAYS AS IDENTITY,
  id              TEXT COLLATE "C" NOT NULL,
  tenant_no       BIGINT NOT NULL,
  destination_no  BIGINT,            -- NULL: all of the tenant's
  destination_id  TEXT,
  criteria        TEXT NOT NULL,     -- JSON: select, time, topics, filter, order
  rate_per_minute BIGINT,
  below_seq       BIGINT NOT NULL,   -- what came in after the replay was made is not part of it
  position        TEXT,              -- JSON: the last event that was looked at; NULL: none
  is_read         BOOLEAN NOT NULL,  -- there are no more events to look at
  status          TEXT NOT NULL,
  reason          TEXT,
  count           BIGINT NOT NULL,
  done            BIGINT NOT NULL,
  failed          BIGINT NOT NULL,
  canceled        BIGINT NOT NULL,
  created_by      TEXT NOT NULL,
  created_ms      BIGINT NOT NULL,
  updated_ms      BIGINT NOT NULL,
  ended_ms        BIGINT,
  PRIMARY KEY (tenant_no, no)
);
-- Its id names no tenant.
CREATE UNIQUE INDEX replays_by_id ON replays (id);
-- Lists over all tenants, by age.
CREATE INDEX replays_by_no ON replays (no);
-- Those that run: nearly always none.
CREATE INDEX replays_running ON replays (no) WHERE status = 'running';

CREATE TABLE replay_deliveries (
  tenant_no BIGINT NOT NULL,
  event_seq BIGINT NOT NULL,
  ordinal   INTEGER NOT NULL,
  replay_no BIGINT NOT NULL,
  PRIMARY KEY (tenant_no, event_seq, ordinal)
);
-- What a replay waits for.
CREATE INDEX replay_deliveries_by_replay ON replay_deliveries (tenant_no, replay_no);

-- Tenants that are deleted, while what they leave is being dropped; gone with the last of it.
CREATE TABLE deletions (
  tenant_no  BIGINT PRIMARY KEY,
  tenant_id  TEXT NOT NULL,
  started_ms BIGINT NOT NULL
);

-- What is to be mailed, and was of late: one row a recipient, destination and reason.
CREATE TABLE mails (
  no             BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_id      TEXT COLLATE "C" NOT NULL,
  destination_id TEXT NOT NULL,
  reason         TEXT NOT NULL,
  recipient      TEXT NOT NULL,
  count          INTEGER NOT NULL, -- notices that were not mailed yet; 0: none
  items          TEXT NOT NULL,    -- JSON: the first of them
  due_ms         BIGINT NOT NULL,
  failures       INTEGER NOT NULL, -- in a row
  sent_ms        BIGINT,
  PRIMARY KEY (tenant_id, destination_id, reason, recipient)
);
-- A mail that was sent is named by its number.
CREATE UNIQUE INDEX mails_by_no ON mails (no);
-- The outbox; empty while nothing is to be mailed.
CREATE INDEX mails_due ON mails (due_ms) WHERE count > 0;

-- Who wants no mail of a tenant any more.
CREATE TABLE mail_refusals (
  tenant_id TEXT COLLATE "C" NOT NULL,
  recipient TEXT NOT NULL,
  PRIMARY KEY (tenant_id, recipient)
);

-- The topic catalogue. Its version, raised by each change, is in meta as `catalogue_version`.
CREATE TABLE topics (
  name       TEXT COLLATE "C" PRIMARY KEY,
  definition TEXT NOT NULL,  -- JSON: description, schema, sample, deprecated, enforcement
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL
);

-- Keys of the operator, beside the one of the configuration. Of a token there is only the hash, and its beginning.
-- `keys_version` in meta is raised by each change, so that nodes see that they have to read them again.
CREATE TABLE api_keys (
  no           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  scope        TEXT NOT NULL,
  prefix       TEXT NOT NULL,
  hash         BYTEA NOT NULL,
  revision     BIGINT NOT NULL,
  created_ms   BIGINT NOT NULL,
  expires_ms   BIGINT,
  last_used_ms BIGINT,
  revoked_ms   BIGINT
);

-- Names and ids as they were: an entry outlives what it is about.
CREATE TABLE audit (
  seq           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time_ms       BIGINT NOT NULL,
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
);
-- A tenant's entries, and those of one resource.
CREATE INDEX audit_by_tenant ON audit (tenant_id, seq);
CREATE INDEX audit_by_resource ON audit (resource_id, seq);
-- Where retention cuts.
CREATE INDEX audit_by_time ON audit (time_ms);
-- Retention drops entries; nothing changes one.
CREATE FUNCTION audit_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an entry of the audit log is never changed';
END
$$;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_is_never_changed();

-- What was published and attempted, counted by minute, hour and day (src/storage/rollup-count.ts).

-- One row. Events and attempts up to from_seq are counted. Those up to to_seq are being counted, slice by slice:
-- their rows up to after_key are in the tables. Who changes what is counted holds the row until its commit.
CREATE TABLE rollup_progress (
  id             SMALLINT PRIMARY KEY CHECK (id = 1),
  from_seq       BIGINT NOT NULL,
  to_seq         BIGINT NOT NULL,   -- from_seq: nothing is being counted
  after_key      TEXT NOT NULL,
  minutes_from_s BIGINT NOT NULL    -- the minutes before are dropped
);
INSERT INTO rollup_progress (id, from_seq, to_seq, after_key, minutes_from_s) VALUES (1, 0, 0, '', 0);

-- Topics by small numbers. 0 stands for those that came after so many that they are not told apart any more.
CREATE TABLE rollup_topics (
  no    INTEGER PRIMARY KEY,
  topic TEXT COLLATE "C" NOT NULL UNIQUE
);
INSERT INTO rollup_topics (no, topic) VALUES (0, '*');

CREATE TABLE attempt_rollups (
  tenant_no      BIGINT NOT NULL,
  width_s        INTEGER NOT NULL,  -- 60, 3600 or 86400
  cube           SMALLINT NOT NULL, -- 0: by tenant, 1: by destination as well, 2: by everything
  start_s        BIGINT NOT NULL,
  destination_no BIGINT NOT NULL,   -- 0 where the cube does not tell it apart; so are the others
  topic_no       INTEGER NOT NULL,
  code           TEXT NOT NULL,
  failed         SMALLINT NOT NULL,
  manual         SMALLINT NOT NULL,
  number         INTEGER NOT NULL,
  count          BIGINT NOT NULL,
  failed_count   BIGINT NOT NULL,
  first_count    BIGINT NOT NULL,
  manual_count   BIGINT NOT NULL,
  number_sum     BIGINT NOT NULL,
  latency        BYTEA NOT NULL,    -- src/domain/latency-histogram.ts
  PRIMARY KEY (tenant_no, width_s, cube, start_s, destination_no, topic_no, code, failed, manual, number)
);
-- Questions over all tenants, usage by day, and what is dropped.
CREATE INDEX attempt_rollups_by_time ON attempt_rollups (width_s, cube, start_s, tenant_no, destination_no);

CREATE TABLE event_rollups (
  tenant_no      BIGINT NOT NULL,
  width_s        INTEGER NOT NULL,
  start_s        BIGINT NOT NULL,
  destination_no BIGINT NOT NULL,   -- 0: the events themselves; else those that the destination was owed
  topic_no       INTEGER NOT NULL,
  count          BIGINT NOT NULL,
  PRIMARY KEY (tenant_no, width_s, start_s, destination_no, topic_no)
);
CREATE INDEX event_rollups_by_time ON event_rollups (width_s, start_s);

-- Deleted tenants whose counts are being erased, and how far that is.
CREATE TABLE rollup_erasures (
  tenant_no BIGINT PRIMARY KEY,
  from_s    BIGINT NOT NULL
);
