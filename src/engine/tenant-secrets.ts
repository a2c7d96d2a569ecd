/** The secrets that a tenant's destinations of a profile share, by profile (`SecretFormat.scope`). */
import type { Credentials } from '../domain/destination.ts';
import { tenantSecretsPlace } from '../domain/sealed-box.ts';
import type { SealedBoxes } from '../domain/sealed-box.ts';
import type { TenantSecrets } from '../storage/storage.ts';

export type SecretsByProfile = Readonly<Record<string, Credentials>>;

export function openTenantSecrets(
  tenantId: string,
  { sealed }: TenantSecrets,
  boxes: SealedBoxes,
): SecretsByProfile {
  if (sealed === null) return {};
  // Sealed by this program.
  return JSON.parse(boxes.open(sealed, tenantSecretsPlace(tenantId))) as SecretsByProfile;
}

export function sealTenantSecrets(
  tenantId: string,
  secrets: SecretsByProfile,
  boxes: SealedBoxes,
): Uint8Array {
  return boxes.seal(JSON.stringify(secrets), tenantSecretsPlace(tenantId));
}
