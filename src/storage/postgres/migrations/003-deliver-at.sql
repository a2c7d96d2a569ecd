-- When an event was to be delivered at the earliest: the window of a retry schedule begins there. NULL: at once.
ALTER TABLE events ADD COLUMN deliver_at_ms BIGINT;
