-- The topic catalogue. Its version, raised by each change, is in meta as `catalogue_version`.
CREATE TABLE topics (
  name       TEXT PRIMARY KEY,
  definition TEXT NOT NULL, -- JSON: description, schema, sample, deprecated, enforcement
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Sent by hand to try a destination out. A constant default: no row is touched.
ALTER TABLE events ADD COLUMN test INTEGER NOT NULL DEFAULT 0;
