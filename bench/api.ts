/** The few calls of the API that a bench sets things up with. */
import { publishBody } from './event.ts';
import type { Server } from './server.ts';

export interface DestinationWish {
  readonly tenantId: string;
  readonly id: string;
  readonly url: string;
  readonly topics?: '*' | readonly string[];
  readonly policy?: object;
  readonly profile?: string;
  readonly credentials?: object;
}

export async function createTenant(server: Server, id: string): Promise<void> {
  await call(server, 'PUT', `/tenants/${id}`, '{}');
}

export async function createDestination(server: Server, wish: DestinationWish): Promise<void> {
  const { tenantId, id, url, topics = '*', policy, profile, credentials } = wish;
  await call(
    server,
    'POST',
    `/tenants/${tenantId}/destinations`,
    JSON.stringify({
      id,
      type: 'webhook',
      topics,
      config: { url },
      policy,
      profile,
      credentials,
    }),
  );
}

export async function publishOne(server: Server, tenantId: string): Promise<void> {
  await call(server, 'POST', '/publish', publishBody(tenantId));
}

/** So many new tenants with a destination each, all at that receiver. */
export async function createTenants(
  server: Server,
  count: number,
  receiverOrigin: string,
  destination: Pick<DestinationWish, 'profile' | 'credentials'> = {},
): Promise<string[]> {
  const mark = Date.now().toString(36);
  const ids = Array.from({ length: count }, (_, index) => `tenant-${mark}-${index}`);
  for (const id of ids) {
    await createTenant(server, id);
    const url = `${receiverOrigin}/hook`;
    await createDestination(server, { tenantId: id, id: 'hook', url, ...destination });
  }
  return ids;
}

async function call(server: Server, method: string, path: string, body: string): Promise<void> {
  const response = await fetch(`${server.origin}/api/v1${path}`, {
    method,
    headers: server.headers,
    body,
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
}
