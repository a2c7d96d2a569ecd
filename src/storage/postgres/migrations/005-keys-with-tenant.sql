-- Citus keeps a key unique only where it holds the tenant: the ids are random, and are looked for without it as before.
DROP INDEX api_clients_by_urn;
CREATE UNIQUE INDEX api_clients_by_urn ON api_clients (urn, tenant_no);
DROP INDEX replays_by_id;
CREATE UNIQUE INDEX replays_by_id ON replays (id, tenant_no);
