-- Whose destination it is, or was: usage is told by API client, also after the destination is deleted.
ALTER TABLE destinations ADD COLUMN api_client TEXT; -- urn; NULL: of none
UPDATE destinations SET api_client = json_extract(definition, '$.subscription.apiClient');

-- When it was to be delivered at the earliest: the window of a retry schedule begins there.
ALTER TABLE events ADD COLUMN deliver_at_ms INTEGER; -- NULL: at once
