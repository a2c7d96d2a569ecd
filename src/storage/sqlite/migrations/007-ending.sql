-- Destinations end: at a moment that they were given, or because deliveries to them failed.
ALTER TABLE destinations ADD COLUMN disabled_reason TEXT;
UPDATE destinations SET disabled_reason = 'by_hand' WHERE disabled_ms IS NOT NULL;
ALTER TABLE destinations ADD COLUMN expires_ms INTEGER;
ALTER TABLE destinations ADD COLUMN expiry_warned_days INTEGER; -- 7 or 1: what was told last; NULL: nothing yet
-- What is going to expire; empty where nothing has an end.
CREATE INDEX destinations_expiring ON destinations (expires_ms)
  WHERE expires_ms IS NOT NULL AND disabled_ms IS NULL AND deleted_ms IS NULL;
-- What may hold deliveries until retention ends; nearly always small.
CREATE INDEX destinations_disabled ON destinations (no) WHERE disabled_ms IS NOT NULL AND deleted_ms IS NULL;

-- How destinations have fared since they were enabled (domain/health.ts), some seconds old; JSON.
CREATE TABLE destination_health (
  destination_no INTEGER PRIMARY KEY,
  health         TEXT NOT NULL
) STRICT;

-- What is to be mailed, and was of late: one row a recipient, destination and reason.
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
-- The outbox; empty while nothing is to be mailed.
CREATE INDEX mails_due ON mails (due_ms) WHERE count > 0;

-- Who wants no mail of a tenant any more.
CREATE TABLE mail_refusals (
  tenant_id TEXT NOT NULL,
  recipient TEXT NOT NULL,
  PRIMARY KEY (tenant_id, recipient)
) STRICT, WITHOUT ROWID;
