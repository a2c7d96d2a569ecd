-- API clients: the credentials of a tenant's integrations. Of a token there is the hash, by which it is known, and in
-- the box the token itself, as it has to be sent. The number `clients_version` in `meta` is raised by each change.
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
-- A tenant's clients, by age.
CREATE INDEX api_clients_by_tenant ON api_clients (tenant_no);
-- The client id is free again once the client is revoked.
CREATE UNIQUE INDEX api_clients_by_client_id ON api_clients (tenant_no, client_id) WHERE revoked_ms IS NULL;
