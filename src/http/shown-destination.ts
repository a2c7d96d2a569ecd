/** A destination as its reader may see it: secrets are for those who could set them. */
import { MASK } from '../destinations/destination-type.ts';
import type { Caller } from '../domain/caller.ts';
import type { OpenedDestination } from '../engine/manage-destinations.ts';
import { destinationJson } from './schemas/destination.ts';

export function destinationFor(caller: Caller | null, opened: OpenedDestination) {
  const shown = destinationJson(opened);
  if (caller !== null && seesSecrets(caller)) return shown;
  const names = Object.keys(shown.credentials);
  return {
    ...shown,
    config: opened.type?.withoutSecrets(opened.destination.config) ?? {},
    credentials: Object.fromEntries(names.map((name) => [name, MASK])),
  };
}

/** The operator’s administrators and the tenant’s. */
function seesSecrets(caller: Caller): boolean {
  switch (caller.kind) {
    case 'operator':
      return caller.scope === 'admin';
    case 'tenant':
      return caller.role === 'admin';
    case 'client':
      return false;
  }
}
