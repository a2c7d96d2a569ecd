-- Events, deliveries and attempts in partitions by day, so that retention drops a day as files and not row by row. What
-- belongs to an event lies in the partition of its number's day (UTC), also an attempt that was made later.
--
-- A server of before would not write ids into event_keys: this one migration has to find none.
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM nodes WHERE lease_until > clock_timestamp()) THEN
    RAISE EXCEPTION 'a server of an older version uses the database, or was killed within the last 15 seconds: stop all of them, and start again';
  END IF;
END
$$;

-- Ids that callers gave, over all days: a unique key of events would have to hold the number, and would not keep an id from
-- coming again. A row whose event is gone counts for nothing, and goes in slices.
CREATE TABLE event_keys (
  tenant_no BIGINT NOT NULL,
  id        TEXT COLLATE "C" NOT NULL,
  seq       BIGINT NOT NULL,
  PRIMARY KEY (tenant_no, id)
);
-- Where retention cuts.
CREATE INDEX event_keys_by_seq ON event_keys (seq);
INSERT INTO event_keys (tenant_no, id, seq) SELECT tenant_no, id, seq FROM events WHERE id IS NOT NULL;

-- No delivery of an event with a lower number is pending or holds its order key: statements that look for such ones plan
-- and open the partitions from here on alone. It is lowered in the transaction that makes an older one due again, and
-- raised when all of a day is done, both by who holds the row.
ALTER TABLE numbers ADD COLUMN open_seq BIGINT NOT NULL DEFAULT 0;

ALTER TABLE events RENAME TO events_before;
ALTER TABLE deliveries RENAME TO deliveries_before;
ALTER TABLE attempts RENAME TO attempts_before;
DROP INDEX events_by_caller_id;
ALTER INDEX events_pkey RENAME TO events_before_pkey;
ALTER INDEX events_by_seq RENAME TO events_before_by_seq;
ALTER INDEX events_by_time RENAME TO events_before_by_time;
ALTER INDEX deliveries_pkey RENAME TO deliveries_before_pkey;
ALTER INDEX deliveries_pending RENAME TO deliveries_before_pending;
ALTER INDEX deliveries_by_destination RENAME TO deliveries_before_by_destination;
ALTER INDEX deliveries_failed RENAME TO deliveries_before_failed;
ALTER INDEX deliveries_in_order RENAME TO deliveries_before_in_order;
ALTER TABLE attempts_before DROP CONSTRAINT attempts_pkey;
ALTER INDEX attempts_by_seq RENAME TO attempts_before_by_seq;
ALTER INDEX attempts_by_destination RENAME TO attempts_before_by_destination;
ALTER TABLE attempts_before ADD PRIMARY KEY (tenant_no, seq, event_seq);

CREATE TABLE events (LIKE events_before, PRIMARY KEY (tenant_no, seq)) PARTITION BY RANGE (seq);
-- Ids that we give name no tenant; lists over all tenants; where retention cuts.
CREATE INDEX events_by_seq ON events (seq);
-- A tenant's events by time.
CREATE INDEX events_by_time ON events (tenant_no, time_ms, seq);

CREATE TABLE deliveries (LIKE deliveries_before INCLUDING DEFAULTS, PRIMARY KEY (tenant_no, event_seq, ordinal))
  PARTITION BY RANGE (event_seq);
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

CREATE TABLE attempts (LIKE attempts_before, PRIMARY KEY (tenant_no, seq, event_seq)) PARTITION BY RANGE (event_seq);
-- Ids that we give name no tenant; lists over all tenants; what is not counted yet.
CREATE INDEX attempts_by_seq ON attempts (seq);
-- A destination's attempts in the order in which they were recorded.
CREATE INDEX attempts_by_destination ON attempts (tenant_no, destination_no, seq);

-- Makes the partitions of a day (since 1970), where they are not there. Attached and not created in their place: so nobody
-- who reads or writes has to wait. Who calls it holds the row of `numbers`.
CREATE FUNCTION make_day(day INTEGER) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  parent TEXT;
  name TEXT;
BEGIN
  FOREACH parent IN ARRAY ARRAY['events', 'deliveries', 'attempts'] LOOP
    name := parent || to_char(DATE '1970-01-01' + day, '_YYYYMMDD');
    CONTINUE WHEN EXISTS (
      SELECT 1 FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      CROSS JOIN LATERAL pg_get_expr(relpartbound, pg_class.oid) AS bounds
      WHERE inhparent = to_regclass(quote_ident(current_schema) || '.' || parent)
        AND (regexp_match(bounds, 'FROM \(''(\d+)''\)'))[1]::bigint <= day * 86400000000
        AND (regexp_match(bounds, 'TO \(''(\d+)''\)'))[1]::bigint > day * 86400000000);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, name,
                   day * 86400000000, (day + 1) * 86400000000);
    -- Until the first ANALYZE the planner would take what is between two numbers for next to nothing. So it is shown rows as
    -- there will be: numbers over the whole day, of more tenants than it keeps a list of, all delivered.
    EXECUTE format(CASE parent
      WHEN 'events' THEN
        'INSERT INTO %I (tenant_no, seq, topic, time_ms, eligible_for_retry, test, data)
         SELECT n %% 101, $1 + n * $2, n %% 101, ($1 + n * $2) / 1000, true, false, '''' FROM generate_series(0, 302) AS n'
      WHEN 'deliveries' THEN
        'INSERT INTO %I (tenant_no, event_seq, ordinal, destination_no, status, attempts, step, asked_by, claimed_by,
                         updated_ms)
         SELECT n %% 101, $1 + n * $2, 0, n %% 101, 1, 1, 0, 0, 0, ($1 + n * $2) / 1000 FROM generate_series(0, 302) AS n'
      WHEN 'attempts' THEN
        'INSERT INTO %I (tenant_no, seq, event_seq, ordinal, destination_no, number, kind, started_ms, total_us, shape_no,
                         request_headers, truncated)
         SELECT n %% 101, $1 + n * $2, $1 + n * $2, 0, n %% 101, 1, ''first'', ($1 + n * $2) / 1000, 0, n %% 101, '''', false
         FROM generate_series(0, 302) AS n' END, name)
      USING day * 86400000000, 86400000000 / 303;
    EXECUTE format('ANALYZE %I', name);
    EXECUTE format('TRUNCATE %I', name);
  END LOOP;
END
$$;

-- Ends the partitions that begin with that number: they are dropped, with all but the events that are named. FALSE: others
-- were reading for too long; nothing is changed. Who calls it holds the row of `numbers`.
CREATE FUNCTION end_days(from_seq BIGINT, kept_tenants BIGINT[], kept_seqs BIGINT[]) RETURNS boolean LANGUAGE plpgsql
SET lock_timeout = '200ms' AS $$
DECLARE
  parent TEXT;
  name TEXT;
  bounds TEXT;
  by_event TEXT;
BEGIN
  LOCK TABLE ONLY events, ONLY deliveries, ONLY attempts IN ACCESS EXCLUSIVE MODE;
  FOREACH parent IN ARRAY ARRAY['events', 'deliveries', 'attempts'] LOOP
    by_event := CASE parent WHEN 'events' THEN 'seq' ELSE 'event_seq' END;
    SELECT relname, pg_get_expr(relpartbound, pg_class.oid) INTO STRICT name, bounds
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = to_regclass(quote_ident(current_schema) || '.' || parent)
      AND (regexp_match(pg_get_expr(relpartbound, pg_class.oid), 'FROM \(''(\d+)''\)'))[1]::bigint = from_seq;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, name);
    IF cardinality(kept_seqs) > 0 THEN
      EXECUTE format('ALTER TABLE %I RENAME TO ended', name);
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
      EXECUTE format('INSERT INTO %I SELECT ended.* FROM ended JOIN unnest($1, $2) AS kept (tenant, event)
                      ON tenant_no = tenant AND %I = event', name, by_event) USING kept_tenants, kept_seqs;
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I %s', parent, name, bounds);
      DROP TABLE ended;
    ELSE
      EXECUTE format('DROP TABLE %I', name);
    END IF;
  END LOOP;
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END
$$;

-- What there is becomes one partition, as it is, up to the end of today: it is pruned row by row until all of it is old.
DO $$
DECLARE
  until BIGINT := (greatest((SELECT last_seq FROM numbers), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
                   / 86400000000 + 1) * 86400000000;
  parent TEXT;
  has_rows BOOLEAN;
BEGIN
  has_rows := EXISTS (SELECT 1 FROM events_before) OR EXISTS (SELECT 1 FROM deliveries_before)
           OR EXISTS (SELECT 1 FROM attempts_before);
  FOREACH parent IN ARRAY ARRAY['events', 'deliveries', 'attempts'] LOOP
    IF has_rows THEN
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (0) TO (%s)', parent, parent || '_before', until);
    ELSE
      EXECUTE format('DROP TABLE %I', parent || '_before');
    END IF;
  END LOOP;
END
$$;
