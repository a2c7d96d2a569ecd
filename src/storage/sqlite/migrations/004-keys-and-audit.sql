-- Keys of the operator, beside the one of the configuration. Of a token there is only the hash, and its beginning.
-- The number `keys_version` in `meta` is raised by each change, so that nodes see that they have to read them again.
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

-- Names and ids as they were: an entry outlives what it is about.
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
-- A tenant's entries, and those of one resource.
CREATE INDEX audit_by_tenant ON audit (tenant_id);
CREATE INDEX audit_by_resource ON audit (resource_id);
-- Where retention cuts.
CREATE INDEX audit_by_time ON audit (time_ms);
-- Retention drops entries; nothing changes one.
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'an entry of the audit log is never changed');
END;
