-- Several nodes at a time. Versions of routing are numbers of the row in `numbers` from here on: so they tell what changed
-- since a node looked.
CREATE INDEX tenants_by_routing_version ON tenants (routing_version);

-- Deleted tenants, for as long as a node may not have heard of it: an hour.
CREATE TABLE routing_ends (
  tenant_no BIGINT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  seq       BIGINT NOT NULL
);
CREATE INDEX routing_ends_by_seq ON routing_ends (seq);
