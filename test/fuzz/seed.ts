/** Something to be found by the fuzzer: ids that exist, beside those that it makes up. */
import type { FuzzedServer } from './server.ts';

/** Ids that exist, by the name of the parameter. */
export type Ids = Readonly<Record<string, readonly string[]>>;

export interface Seed {
  readonly ids: Ids;
  /** Ids that the paths call by one name: by the collection that they are of. */
  readonly urns: Ids;
  /** API clients that stay, whichever others are revoked. */
  readonly subscribers: readonly string[];
  /** For calls that delete: what may go without all others finding nothing any more. */
  readonly spare: Ids;
}

const TENANTS = ['fuzz-1', 'fuzz-2'];
const SPARES = 30;
const LIFECYCLE = ['entity.create', 'entity.update', 'entity.delete'];

export async function seedServer({ url, key, receiverUrl }: FuzzedServer): Promise<Seed> {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  const idsOf = async (list: string) =>
    ((await ask('GET', `/${list}?limit=20`)) as { models: { id: string }[] }).models.map(
      ({ id }) => id,
    );
  const destination = (id: string) => ({
    id,
    type: 'webhook',
    topics: '*',
    config: { url: receiverUrl },
  });

  for (const topic of ['user.created', ...LIFECYCLE])
    await ask('PUT', `/catalogue/${topic}`, { description: 'To be found.', sample: { id: 1 } });
  for (const tenant of TENANTS) {
    await ask('PUT', `/tenants/${tenant}`, { metadata: { plan: 'gold' } });
    for (const id of ['one', 'two'])
      await ask('POST', `/tenants/${tenant}/destinations`, destination(id));
    for (let count = 0; count < 5; count++)
      await ask('POST', '/publish', { tenant_id: tenant, topic: 'user.created', data: { count } });
    await ask('POST', '/publish', { tenant_id: tenant, id: 'known', data: {} });
    const later = new Date(Date.now() + 3_600_000).toISOString();
    await ask('POST', '/publish', { tenant_id: tenant, deliver_at: later, data: {} });
  }
  const spareTenants = Array.from({ length: SPARES }, (_, index) => `spare-${index}`);
  for (const tenant of spareTenants) await ask('PUT', `/tenants/${tenant}`);
  const spareDestinations = Array.from({ length: SPARES }, (_, index) => `spare-${index}`);
  for (const id of spareDestinations)
    await ask('POST', '/tenants/fuzz-1/destinations', destination(id));
  const keys: string[] = [];
  for (let count = 0; count < 5; count++) {
    const made = await ask('POST', '/keys', { name: `key ${count}`, scope: 'read' });
    keys.push((made as { id: string }).id);
  }

  const client = async (name: string, tenant: string) => {
    const body = { tenant_id: tenant, name, scope: 'webhook', full_access: true };
    return ((await ask('POST', '/apiclients', body)) as { urn: string }).urn;
  };
  const subscribers: string[] = [];
  const clients: string[] = [];
  const subscriptions: string[] = [];
  const hooks: string[] = [];
  for (let count = 0; count < 2 * SPARES; count++) {
    const tenant = TENANTS[count % TENANTS.length] ?? '';
    const apiClient = await client(`subscriber ${count}`, tenant);
    subscribers.push(apiClient);
    clients.push(await client(`client ${count}`, tenant));
    const subscription = await ask('POST', '/webhooksubscriptions', {
      apiClient,
      subject: 'ENTITY',
      event: 'ALL',
      destinationUrl: receiverUrl,
      secret: `a secret of client ${count}`,
      eventsPerMinute: 60,
    });
    subscriptions.push((subscription as { urn: string }).urn);
    const hook = await ask('POST', `/hooks?tenant_id=${tenant}`, {
      event: 'user.created',
      target_url: `${receiverUrl}${count}`,
    });
    hooks.push((hook as { id: string }).id);
  }
  const replays: string[] = [];
  for (const tenant of TENANTS) {
    const replay = await ask('POST', '/replays', {
      tenant_id: tenant,
      destination_id: 'one',
      time: { gte: '2026-01-01T00:00:00Z' },
      rate_per_minute: 1,
    });
    replays.push((replay as { id: string }).id);
  }

  let attempts: string[] = [];
  while (attempts.length === 0) attempts = await idsOf('attempts');
  const events = await idsOf('events');
  return {
    ids: {
      tenant_id: TENANTS,
      destination_id: ['one', 'two'],
      event_id: ['known', ...events],
      delivery_id: await idsOf('deliveries'),
      attempt_id: attempts,
      key_id: keys,
      topic: ['user.created', ...LIFECYCLE],
      replay_id: replays,
      id: hooks,
      type: ['webhook'],
    },
    subscribers,
    urns: { apiclients: clients, webhooksubscriptions: subscriptions },
    spare: { tenant_id: spareTenants, destination_id: spareDestinations },
  };
}
