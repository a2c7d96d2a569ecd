-- Order: deliveries of a destination that asked for it carry their key, and those of one key go out one after the other.
-- A delivery that failed for good may hold its key until somebody retries or cancels it.
ALTER TABLE events ADD COLUMN order_key TEXT;
ALTER TABLE deliveries ADD COLUMN order_key TEXT; -- NULL: its destination has no order
ALTER TABLE deliveries ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
-- The first of each key, by leaps from key to key, and what waits behind it; empty without ordered destinations.
CREATE INDEX deliveries_in_order ON deliveries (destination_no, order_key, event_seq, ordinal)
  WHERE order_key IS NOT NULL AND (status = 0 OR holds = 1);
