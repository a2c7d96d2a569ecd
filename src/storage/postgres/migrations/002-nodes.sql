-- Several nodes at a time. Versions of routing are numbers of the row in `numbers` from here on: so they tell what changed
-- since a node looked.
CREATE INDEX tenants_by_routing_version ON tenants (routing_version);

-- What a node does. One whose lease is '-infinity' is buried: it never lives again under this number.
ALTER TABLE nodes ADD COLUMN delivers BOOLEAN NOT NULL DEFAULT true;

-- Each destination's lane belongs to one node at a time: the one that claims and attempts its deliveries. A row is
-- another's to take when its owner is buried or gone.
CREATE TABLE lanes (
  tenant_no      BIGINT NOT NULL,
  destination_no BIGINT NOT NULL,
  owner          BIGINT NOT NULL,
  PRIMARY KEY (tenant_no, destination_no)
);

-- Deleted tenants, for as long as a node may not have heard of it: an hour.
CREATE TABLE routing_ends (
  tenant_no BIGINT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  seq       BIGINT NOT NULL
);
CREATE INDEX routing_ends_by_seq ON routing_ends (seq);
