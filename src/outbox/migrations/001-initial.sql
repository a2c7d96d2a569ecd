-- Applied with the search path `<schema of the outbox>, pg_temp`, which the functions keep.

-- What waits to be published. Rows go when they are in the event store.
CREATE TABLE angarium_outbox (
  -- Taken when angarium_publish is called: a call that follows another's commit has a greater one. Without a cache, which
  -- would hand out numbers in another order than that of the calls.
  position bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
  tenant_id text NOT NULL CHECK (tenant_id <> ''),
  topic text NOT NULL,
  event_id text NOT NULL,
  -- Text, because jsonb would respell it: it is delivered as it was given.
  data text NOT NULL CONSTRAINT angarium_outbox_data_is_a_json_object
    CHECK (pg_catalog.json_typeof(data::pg_catalog.json) = 'object'),
  metadata jsonb,
  resource jsonb,
  order_key text,
  destination_id text,
  event_time timestamptz NOT NULL,
  deliver_at timestamptz,
  eligible_for_retry boolean NOT NULL,
  called_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
) WITH (
  -- Nearly every row is dead soon: what is read first should not be their remains.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000
);

-- A transaction has an id before it takes a position: so the relay can tell from the ids of those that are under way up to
-- which position nothing can come any more.
CREATE FUNCTION angarium_outbox_begin() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  PERFORM pg_catalog.pg_current_xact_id();
  RETURN NULL;
END
$$;

CREATE TRIGGER angarium_outbox_begin BEFORE INSERT ON angarium_outbox
FOR EACH STATEMENT EXECUTE FUNCTION angarium_outbox_begin();

-- What Angarium has refused, with its reason, until somebody looks (angarium_outbox_retry, or DELETE).
CREATE TABLE angarium_outbox_failed (
  LIKE angarium_outbox,
  code text NOT NULL,
  reason text NOT NULL,
  failed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (position)
);

-- One row.
CREATE TABLE angarium_outbox_state (
  id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  -- Of these tables and functions: the number of the last migration.
  version integer NOT NULL,
  -- Whether commits notify (install --notify).
  notify boolean NOT NULL DEFAULT false,
  -- The relay at work, so that several do not all do the same; nothing but work is lost where two are.
  relay text,
  relay_until timestamptz
);

-- Takes an event into the caller's transaction: it is published if and when that commits. Gives the event's id.
CREATE FUNCTION angarium_publish(
  tenant_id text,
  topic text,
  data text,
  id text DEFAULT NULL,
  metadata jsonb DEFAULT NULL,
  order_key text DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  eligible_for_retry boolean DEFAULT true,
  event_time timestamptz DEFAULT NULL,
  destination_id text DEFAULT NULL,
  resource jsonb DEFAULT NULL
) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT
AS $$
  INSERT INTO angarium_outbox
    (tenant_id, topic, data, event_id, metadata, order_key, deliver_at, eligible_for_retry, event_time, destination_id,
     resource)
  VALUES
    ($1, $2, $3, COALESCE($4, 'evt_' || pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', '')), $5, $6, $7,
     COALESCE($8, true), COALESCE($9, pg_catalog.clock_timestamp()), $10, $11)
  RETURNING event_id
$$;

-- The same with data as json, whose text is kept, and as jsonb. A plain literal is text: of several candidates,
-- PostgreSQL prefers strings.
CREATE FUNCTION angarium_publish(
  tenant_id text,
  topic text,
  data json,
  id text DEFAULT NULL,
  metadata jsonb DEFAULT NULL,
  order_key text DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  eligible_for_retry boolean DEFAULT true,
  event_time timestamptz DEFAULT NULL,
  destination_id text DEFAULT NULL,
  resource jsonb DEFAULT NULL
) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT
AS $$ SELECT angarium_publish($1, $2, $3::text, $4, $5, $6, $7, $8, $9, $10, $11) $$;

CREATE FUNCTION angarium_publish(
  tenant_id text,
  topic text,
  data jsonb,
  id text DEFAULT NULL,
  metadata jsonb DEFAULT NULL,
  order_key text DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  eligible_for_retry boolean DEFAULT true,
  event_time timestamptz DEFAULT NULL,
  destination_id text DEFAULT NULL,
  resource jsonb DEFAULT NULL
) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT
AS $$ SELECT angarium_publish($1, $2, $3::text, $4, $5, $6, $7, $8, $9, $10, $11) $$;

-- Puts refused events back at the end of the outbox, in their order: those of these positions, or all. Gives their number.
CREATE FUNCTION angarium_outbox_retry(positions bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path FROM CURRENT
AS $$
  WITH back AS (
    DELETE FROM angarium_outbox_failed AS failed
    WHERE $1 IS NULL OR failed.position = ANY ($1)
    RETURNING *
  ), again AS (
    INSERT INTO angarium_outbox
      (tenant_id, topic, data, event_id, metadata, order_key, deliver_at, eligible_for_retry, event_time,
       destination_id, resource)
    SELECT tenant_id, topic, data, event_id, metadata, order_key, deliver_at, eligible_for_retry, event_time,
           destination_id, resource
    FROM back ORDER BY back.position
    RETURNING 1
  )
  SELECT pg_catalog.count(*) FROM again
$$;

-- For the trigger that install --notify makes.
CREATE FUNCTION angarium_outbox_notify() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  PERFORM pg_catalog.pg_notify('angarium_outbox', TG_TABLE_SCHEMA);
  RETURN NULL;
END
$$;

-- Functions are everybody's at first.
REVOKE ALL ON FUNCTION angarium_publish(text, text, text, text, jsonb, text, timestamptz, boolean, timestamptz, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION angarium_publish(text, text, json, text, jsonb, text, timestamptz, boolean, timestamptz, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION angarium_publish(text, text, jsonb, text, jsonb, text, timestamptz, boolean, timestamptz, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION angarium_outbox_retry(bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION angarium_outbox_begin() FROM PUBLIC;
REVOKE ALL ON FUNCTION angarium_outbox_notify() FROM PUBLIC;
