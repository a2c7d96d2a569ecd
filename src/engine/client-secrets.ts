/** The token and the certificate of an API client, opened and sealed. */
import type { ApiClient, ClientSecrets } from '../domain/api-client.ts';
import { clientPlace } from '../domain/sealed-box.ts';
import type { SealedBoxes } from '../domain/sealed-box.ts';
import type { StoredClient } from '../storage/client-storage.ts';

export function openClientSecrets(client: StoredClient, boxes: SealedBoxes): ClientSecrets {
  const place = clientPlace(client.tenantId, client.urn);
  // Sealed by this program.
  return JSON.parse(boxes.open(client.sealedSecrets, place)) as ClientSecrets;
}

export function sealClient(
  client: ApiClient,
  secrets: ClientSecrets,
  boxes: SealedBoxes,
): StoredClient {
  const place = clientPlace(client.tenantId, client.urn);
  return { ...client, sealedSecrets: boxes.seal(JSON.stringify(secrets), place) };
}
