-- Retries that wait stand in a line of their own, which `claimed_by` names. Servers from before do not look there: nothing is put
-- into it while one of them runs.
ALTER TABLE nodes ADD COLUMN reads_retry_line BOOLEAN NOT NULL DEFAULT false;
