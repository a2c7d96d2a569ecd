-- What the requests to a destination have in common is kept once, not with each attempt: the URL, the headers that do
-- not change, and the payload format, which with the event gives the bytes that were sent. A process writes a shape
-- anew each day that it uses it, so that retention can drop the old ones.
CREATE TABLE request_shapes (
  no      INTEGER PRIMARY KEY,
  day     INTEGER NOT NULL, -- days since 1970
  url     TEXT NOT NULL,
  headers TEXT NOT NULL,    -- lines of name, value, name, value
  payload TEXT NOT NULL
) STRICT;

INSERT INTO request_shapes (day, url, headers, payload)
SELECT DISTINCT seq / 86400000000, url, '', profile FROM attempts;

DROP INDEX attempts_by_tenant;
DROP INDEX attempts_by_destination;
ALTER TABLE attempts RENAME TO attempts_before;

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
-- A tenant's and a destination's attempts in the order in which they were recorded.
CREATE INDEX attempts_by_tenant ON attempts (tenant_no);
CREATE INDEX attempts_by_destination ON attempts (destination_no);

INSERT INTO attempts
SELECT seq, event_seq, ordinal, previous_seq, tenant_no, destination_no, number, kind, started_ms, reason, detail,
       dns_us, connect_us, tls_us, first_byte_us, total_us,
       (SELECT no FROM request_shapes WHERE day = seq / 86400000000 AND request_shapes.url = attempts_before.url
                                        AND payload = profile LIMIT 1),
       request_headers, response_status, response_headers, response_body, truncated
FROM attempts_before;
DROP TABLE attempts_before;

-- What a tenant's destinations have in common: name, contacts, profile, limits, as one JSON text; and secrets.
ALTER TABLE tenants ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tenants ADD COLUMN sealed_secrets BLOB;
ALTER TABLE tenants ADD COLUMN secrets_revision INTEGER NOT NULL DEFAULT 0;

-- Canonical JSON of what the event is about; NULL: not said.
ALTER TABLE events ADD COLUMN resource TEXT;
