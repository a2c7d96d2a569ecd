-- Replays: events of a time range again, to one destination. What a replay has made due, and is not done with, stands in
-- `replay_deliveries`: never more than some hundreds of rows for each replay that runs.
-- `deliveries.manual` says since then who asked for the next attempt: 0 the schedule, 1 somebody by hand, 2 a replay.
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
-- A tenant's replays.
CREATE INDEX replays_by_tenant ON replays (tenant_no);
-- Those that run: nearly always none.
CREATE INDEX replays_running ON replays (no) WHERE status = 'running';

CREATE TABLE replay_deliveries (
  event_seq INTEGER NOT NULL,
  ordinal   INTEGER NOT NULL,
  replay_no INTEGER NOT NULL,
  PRIMARY KEY (event_seq, ordinal)
) STRICT, WITHOUT ROWID;
-- What a replay waits for.
CREATE INDEX replay_deliveries_by_replay ON replay_deliveries (replay_no);

-- Tenants that are deleted, while what they leave is being dropped; gone with the last of it.
CREATE TABLE deletions (
  tenant_no  INTEGER PRIMARY KEY,
  tenant_id  TEXT NOT NULL,
  started_ms INTEGER NOT NULL
) STRICT;

-- Whose requests they describe: two tenants may send to the same URL, and the shapes of one go with it. 0: of nobody,
-- from before; these go with retention.
ALTER TABLE request_shapes ADD COLUMN tenant_no INTEGER NOT NULL DEFAULT 0;
-- What a deleted tenant leaves.
CREATE INDEX request_shapes_by_tenant ON request_shapes (tenant_no);
CREATE INDEX destinations_by_tenant ON destinations (tenant_no);
