/** A server with something of every kind in it, and all that its API shows of it. */
import type { Api } from './e2e-api.ts';
import type { Receiver } from './e2e-receiver.ts';
import { untilTrue } from './e2e-until.ts';

/** So far away that nothing happens meanwhile. */
const LATER_S = 3600;

export interface Filled {
  /** Tokens that were shown once. */
  readonly readKey: string;
  readonly clientToken: string;
}

/** At `/ok` everything is taken; `/broken`, `/dead` and `/ordered` answer 503. It ends when all is at rest. */
export async function fillWithEverything(api: Api, receiver: Receiver): Promise<Filled> {
  for (const path of ['/broken', '/dead', '/ordered']) receiver.behave(path, () => 503);
  for (const id of ['acme', 'other', 'gone']) await api.tenant(id);
  await api.ok('PUT', '/api/v1/catalogue/room.created', { description: 'A room is there.' });
  const later = { retry: { delays_s: [LATER_S], jitter: 0 } };
  await api.destination('acme', { id: 'ok', url: receiver.url('/ok') });
  await api.destination('acme', { id: 'broken', url: receiver.url('/broken'), policy: later });
  const never = { retry: { delays_s: [] } };
  await api.destination('acme', { id: 'dead', url: receiver.url('/dead'), policy: never });
  const ordered = { order: 'key', ...later };
  await api.destination('acme', { id: 'ordered', url: receiver.url('/ordered'), policy: ordered });
  await api.destination('acme', { id: 'removed', url: receiver.url('/ok') });
  await api.destination('other', { id: 'ok', url: receiver.url('/ok') });
  await api.destination('gone', { id: 'ok', url: receiver.url('/ok') });

  await api.publishAll(
    Array.from({ length: 20 }, (_, n) => ({
      tenant_id: n % 4 === 0 ? 'other' : 'acme',
      topic: 'room.created',
      order_key: n % 2 === 0 ? 'a' : 'b',
      ...(n % 3 === 0 ? { id: `own-${n}` } : {}),
      metadata: { n: String(n) },
      data: { n, text: 'größer \u0000 😀' },
    })),
  );
  await api.publish({ tenant_id: 'gone', data: {} });
  const deliverAt = new Date(Date.now() + LATER_S * 1000).toISOString();
  await api.publish({ tenant_id: 'other', id: 'own-later', deliver_at: deliverAt, data: {} });
  const settled = async (id: string, status: string) =>
    (await api.deliveries(`destination_id=${id}&status=${status}`)).filter(
      ({ attempts }) => attempts > 0,
    ).length;
  await untilTrue('all to be attempted', async () => {
    const counts = [await settled('broken', 'pending'), await settled('dead', 'failed')];
    return counts.every((count) => count === 15) && (await settled('ordered', 'pending')) === 2;
  });
  // Of those, too, that are deleted now: an attempt that is under way would be on record a moment later.
  await untilTrue('all to be taken', async () => {
    const counts = [await settled('ok', 'delivered'), await settled('removed', 'delivered')];
    return counts[0] === 21 && counts[1] === 15;
  });

  const [canceled] = await api.deliveries('destination_id=broken&status=pending');
  await api.ok('POST', `/api/v1/deliveries/${canceled?.id}/cancel`);
  await api.ok('DELETE', '/api/v1/tenants/acme/destinations/removed');
  await api.ok('DELETE', '/api/v1/tenants/gone');
  await untilTrue('all of the tenant to be dropped', async () => {
    const { models } = await api.ok<{ models: object[] }>('GET', '/api/v1/deletions');
    return models.length === 0;
  });
  const replay = await api.ok<{ id: string }>('POST', '/api/v1/replays', {
    tenant_id: 'other',
    destination_id: 'ok',
    select: 'all',
    time: { gte: '2026-01-01T00:00:00Z' },
  });
  await untilTrue('the replay to end', async () => {
    const { status } = await api.ok<{ status: string }>('GET', `/api/v1/replays/${replay.id}`);
    return status === 'completed';
  });
  const key = await api.ok<{ token: string }>('POST', '/api/v1/keys', {
    name: 'a reader',
    scope: 'read',
  });
  const client = await api.ok<{ token: string }>('POST', '/api/v1/apiclients', {
    tenant_id: 'acme',
    name: 'an integration',
    scope: 'webhook',
    full_access: true,
  });
  await untilTrue('all to be counted', async () => {
    const { attempts, usage } = await api.billed();
    return JSON.stringify(sorted(attempts)) === JSON.stringify(sorted(usage));
  });
  return { readKey: key.token, clientToken: client.token };
}

const LISTS = [
  '/tenants',
  '/catalogue',
  '/events',
  '/deliveries',
  '/attempts',
  '/replays',
  '/apiclients',
  '/webhooksubscriptions?tenant_id=acme',
  '/keys',
  '/audit',
];

const WHOLE = [
  '/tenants/acme',
  '/tenants/acme/destinations',
  '/tenants/other/destinations',
  '/topics',
  '/exports/events?tenant_id=acme',
  '/exports/attempts?tenant_id=acme&include=response_data',
  '/usage?format=csv&from=2020-01-01',
];

/** What each list and each thing look like, by their paths; small pages, so that cursors are used too. */
export async function everythingOf(api: Api): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const path of LISTS) found[path] = await pagesOf(api, `/api/v1${path}`);
  for (const path of WHOLE) found[path] = await api.ok('GET', `/api/v1${path}`);
  return found;
}

interface Page {
  readonly models: readonly unknown[];
  readonly pagination: { readonly next: string | null };
}

/** All pages with their cursors. */
async function pagesOf(api: Api, path: string): Promise<readonly Page[]> {
  const pages: Page[] = [];
  for (let next = ''; ;) {
    const query = `${path.includes('?') ? '&' : '?'}limit=10${next}`;
    const page = await api.ok<Page>('GET', `${path}${query}`);
    pages.push(page);
    if (page.pagination.next === null) return pages;
    next = `&next=${encodeURIComponent(page.pagination.next)}`;
  }
}

function sorted(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).toSorted(([one], [other]) => (one < other ? -1 : 1));
}
