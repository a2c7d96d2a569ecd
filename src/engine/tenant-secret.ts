/** The one secret that a tenant's destinations of a profile sign with, made or rotated by hand. */
import type { AuditAuthor } from '../domain/audit.ts';
import type { Credentials } from '../domain/destination.ts';
import type { Engine } from './engine.ts';
import { MAX_TRIES } from './manage-destinations.ts';
import { openTenantSecrets, sealTenantSecrets } from './tenant-secrets.ts';

export type TenantSecretResult =
  | {
      readonly kind: 'made' | 'rotated';
      /** As its owner reads them. */
      readonly credentials: Credentials;
    }
  | { readonly kind: 'unknown_tenant' | 'changed_meanwhile' };

/** The first time it is made; from then on the one before signs as well for a day. It counts for the next attempt. */
export async function renewTenantSecret(
  { storage, targets, clock, routing }: Engine,
  { tenantId, typeName, profileName }: { tenantId: string; typeName: string; profileName: string },
  author: AuditAuthor,
): Promise<TenantSecretResult> {
  const type = targets.types.get(typeName);
  const profile = targets.profiles.get(profileName);
  if (type === undefined || profile === undefined)
    throw new Error(`there is no type ${typeName} or no profile ${profileName}`);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const defaults = await storage.tenantDefaultsGet({ id: tenantId });
    if (defaults === null) return { kind: 'unknown_tenant' };
    const nowMs = clock.nowMs();
    const all = openTenantSecrets(tenantId, defaults.secrets, targets.boxes);
    const before = all[profileName] ?? null;
    const credentials = type.renewSecret({ credentials: before, profile, nowMs });
    const put = await storage.tenantSecretsPut({
      id: tenantId,
      sealed: sealTenantSecrets(tenantId, { ...all, [profileName]: credentials }, targets.boxes),
      ifRevision: defaults.secrets.revision,
      audit: {
        ...author,
        action: 'tenant.secret_rotated',
        tenantId,
        resource: { kind: 'tenant', id: tenantId },
        before: null,
        after: { profile: profileName },
      },
    });
    if (put === 'unknown') return { kind: 'unknown_tenant' };
    if (put === 'changed_meanwhile') continue;
    await routing.refresh(tenantId);
    const shown = type.showCredentials({ credentials, profile, nowMs });
    return { kind: before === null ? 'made' : 'rotated', credentials: shown };
  }
  return { kind: 'changed_meanwhile' };
}
