/** Credentials that all of a tenant's destinations of a profile share. */
import { isDeepStrictEqual } from 'node:util';
import type { FieldProblem } from '../destinations/destination-type.ts';
import type { Credentials, Destination } from '../domain/destination.ts';
import type { Profile } from '../domain/profile.ts';
import type { TenantDefaults } from '../storage/storage.ts';
import type { Engine } from './engine.ts';
import { openTenantSecrets, sealTenantSecrets } from './tenant-secrets.ts';

/** What the tenant's destinations of the profile share; `null` where they share nothing yet, or never do. */
export function sharedCredentials(
  { targets }: Engine,
  tenantId: string,
  { secrets }: TenantDefaults,
  profile: Profile,
): Credentials | null {
  if (profile.secret.scope === 'destination') return null;
  return openTenantSecrets(tenantId, secrets, targets.boxes)[profile.name] ?? null;
}

/** Where the credentials are the tenant's, writes them there, if they have changed; what is left is the destination's own. */
export async function keepShared(
  engine: Engine,
  { tenantId }: Destination,
  defaults: TenantDefaults,
  profile: Profile,
  credentials: Credentials,
): Promise<Credentials | 'changed_meanwhile'> {
  if (profile.secret.scope === 'destination') return credentials;
  const { boxes } = engine.targets;
  const before = openTenantSecrets(tenantId, defaults.secrets, boxes);
  if (isDeepStrictEqual(before[profile.name], credentials)) return {};
  const put = await engine.storage.tenantSecretsPut({
    id: tenantId,
    sealed: sealTenantSecrets(tenantId, { ...before, [profile.name]: credentials }, boxes),
    ifRevision: defaults.secrets.revision,
  });
  // A tenant that is gone is found to be so by what follows.
  return put === 'changed_meanwhile' ? put : {};
}

export const SHARED_SECRET: FieldProblem = {
  pointer: '/credentials/secret',
  code: 'conflict',
  message:
    'All destinations of this profile have the tenant’s one secret, which is there already: leave it out, or rotate it.',
};
