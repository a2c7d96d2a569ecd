/** Run with the tenant's number by whatever changes who gets its events, or how. */
export const RAISE_ROUTING_VERSION =
  'UPDATE tenants SET routing_version = routing_version + 1 WHERE no = $1';
