-- What was published and attempted, counted by minute, hour and day (src/storage/sqlite/rollup-*.ts). The time leads
-- each key: what is counted now lies together, and so does what is dropped.

-- One row. Events and attempts up to from_seq are counted. Those up to to_seq are being counted, slice by slice:
-- their rows up to after_key are in the tables.
CREATE TABLE rollup_progress (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  from_seq       INTEGER NOT NULL,
  to_seq         INTEGER NOT NULL,  -- from_seq: nothing is being counted
  after_key      TEXT NOT NULL,
  minutes_from_s INTEGER NOT NULL   -- the minutes before are dropped
) STRICT;
INSERT INTO rollup_progress (id, from_seq, to_seq, after_key, minutes_from_s) VALUES (1, 0, 0, '', 0);

-- Topics by small numbers. 0 stands for those that came after so many that they are not told apart any more.
CREATE TABLE rollup_topics (
  no    INTEGER PRIMARY KEY,
  topic TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO rollup_topics (no, topic) VALUES (0, '*');

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

-- Deleted tenants whose counts are being erased, and how far that is.
CREATE TABLE rollup_erasures (
  tenant_no INTEGER PRIMARY KEY,
  from_s    INTEGER NOT NULL
) STRICT;

-- Deleted destinations give their names to what is counted of them, for as long as that is kept.
CREATE INDEX destinations_deleted ON destinations (deleted_ms) WHERE deleted_ms IS NOT NULL;
