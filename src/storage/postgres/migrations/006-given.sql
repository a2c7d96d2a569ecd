-- What is published on another node than the one that owns its lane is given to that one: `claimed_by` is the owner's number,
-- negative, until it is recorded or given back. Servers from before do not know that: nothing is given while one of them runs.
ALTER TABLE nodes ADD COLUMN reads_given BOOLEAN NOT NULL DEFAULT false;
