/** What of a destination is sealed at rest: its credentials, and how it authenticates towards its target. */
import type { Auth, Credentials, Destination } from '../domain/destination.ts';
import type { Profile } from '../domain/profile.ts';
import { credentialsPlace } from '../domain/sealed-box.ts';
import type { SealedBoxes } from '../domain/sealed-box.ts';
import type { StoredDestination, TenantDefaults } from '../storage/storage.ts';
import { clientAuth, usesClientAuth } from './client-auth.ts';
import { openTenantSecrets } from './tenant-secrets.ts';

export interface DestinationSecrets {
  readonly credentials: Credentials;
  readonly auth: Auth | null;
}

/** Its own, those that it shares with others of its tenant, and those of its API client. */
export function openSecrets(
  stored: StoredDestination,
  defaults: TenantDefaults,
  profile: Profile,
  boxes: SealedBoxes,
): DestinationSecrets {
  const own = openOwn(stored, boxes);
  const { subscription } = stored;
  const auth = usesClientAuth(subscription)
    ? clientAuth(subscription, own.credentials['secret'] ?? '', defaults, boxes)
    : own.auth;
  if (profile.secret.scope === 'destination') return { ...own, auth };
  const shared = openTenantSecrets(stored.tenantId, defaults.secrets, boxes)[profile.name];
  return { credentials: { ...own.credentials, ...shared }, auth };
}

export function sealSecrets(
  destination: Destination,
  { credentials, auth }: DestinationSecrets,
  revision: number,
  boxes: SealedBoxes,
): StoredDestination {
  const place = credentialsPlace(destination.tenantId, destination.id);
  return {
    ...destination,
    sealedCredentials: boxes.seal(JSON.stringify({ credentials, auth }), place),
    revision,
  };
}

/** Before there was authentication, the credentials were sealed by themselves. */
function openOwn(stored: StoredDestination, boxes: SealedBoxes): DestinationSecrets {
  const place = credentialsPlace(stored.tenantId, stored.id);
  // Sealed by this program.
  const opened = JSON.parse(boxes.open(stored.sealedCredentials, place)) as
    | DestinationSecrets
    | Credentials;
  return isWhole(opened) ? opened : { credentials: opened, auth: null };
}

/** In a map of credentials, every member is a string. */
function isWhole(opened: DestinationSecrets | Credentials): opened is DestinationSecrets {
  return typeof opened.credentials === 'object';
}
