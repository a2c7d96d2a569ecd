/** What a receiver may say of itself with its answer: that it wants no more, or that it is gone. */
import { createServer } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DestinationView } from '../support/api-views.ts';

const api = useApi();

interface Wished {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly profile?: string;
}

/** Where a destination stands after one event, to a receiver that answers so; `null`: it is gone. */
async function after({ status, headers = {}, profile = 'standard' }: Wished) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, headers).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port');
  const tenantId = await api().tenant();
  const { id } = await api().destination(tenantId, {
    profile,
    config: { url: `http://127.0.0.1:${address.port}/` },
    policy: { retry: { delays_s: [] } },
  });
  await api().publish({ tenant_id: tenantId, data: {} });
  const path = `/v1/tenants/${tenantId}/destinations/${id}`;
  return await until('the attempt to count', async () => {
    const shown = await api().get<DestinationView & { state: { last_success_at: string | null } }>(
      path,
    );
    if (shown.status === 404) return { status: 'unsubscribed', reason: null };
    const { state } = shown.body;
    const isCounted = state.consecutive_failures > 0 || state.last_success_at !== null;
    // What follows from it is committed a moment later, or never.
    const mayChange = state.status === 'healthy' && (await changesWithin(path));
    return isCounted && !mayChange ? { status: state.status, reason: state.reason } : undefined;
  });
}

/** Whether it is otherwise after some more looks. */
async function changesWithin(path: string): Promise<boolean> {
  for (let look = 0; look < 20; look++) {
    const { status, body } = await api().get<DestinationView>(path);
    if (status === 404 || body.state.status !== 'healthy') return true;
  }
  return false;
}

const DISABLE = { 'webhook-delivery': 'disable' };
const ASKED = { status: 'disabled', reason: 'receiver_asked' };
const HEALTHY = { status: 'healthy', reason: null };

it.each<[string, Wished, object]>([
  ['webhook-delivery: disable on a success disables', { status: 200, headers: DISABLE }, ASKED],
  ['on a failure too', { status: 503, headers: DISABLE }, ASKED],
  [
    'another value means nothing',
    { status: 200, headers: { 'webhook-delivery': 'enable' } },
    HEALTHY,
  ],
  [
    'it means nothing with a profile that does not know it',
    { status: 200, headers: DISABLE, profile: 'baxcloud' },
    HEALTHY,
  ],
  ['410 disables', { status: 410 }, { status: 'disabled', reason: 'gone' }],
  [
    '410 unsubscribes with basekit',
    { status: 410, profile: 'basekit' },
    { status: 'unsubscribed', reason: null },
  ],
  ['410 is a failure as any with baxcloud', { status: 410, profile: 'baxcloud' }, HEALTHY],
])('%s', async (_name, wished, expected) => {
  expect(await after(wished)).toEqual(expected);
});
