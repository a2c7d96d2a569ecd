-- Whose destination it is, or was: usage is told by API client, also after the destination is deleted.
ALTER TABLE destinations ADD COLUMN api_client TEXT; -- urn; NULL: of none
UPDATE destinations SET api_client = json_extract(definition, '$.subscription.apiClient');
