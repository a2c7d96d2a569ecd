import { describe, expect, it } from 'vitest';
import { outpostClient } from '../../support/api-outpost-client.ts';
import { useApi } from '../../support/api-server.ts';

const api = useApi();

describe('Outpost’s client', () => {
  it('lists topics', async () => {
    expect(await outpostClient(api()).topics.list()).toEqual([]);
    await api().put('/v1/catalogue/user.deleted', {});
    await api().put('/v1/catalogue/user.created', {});
    expect(await outpostClient(api()).topics.list()).toEqual(['user.created', 'user.deleted']);
  });

  it('lists and gets destination types', async () => {
    const { schemas } = outpostClient(api());
    const [webhook] = await schemas.listDestinationTypes();
    expect(webhook).toMatchObject({
      type: 'webhook',
      label: 'Webhook',
      configFields: [
        { key: 'url', type: 'text', required: true },
        { key: 'custom_headers', type: 'key_value_map', required: false },
        { key: 'ca', type: 'text', required: false },
        { key: 'webhook_handshake', type: 'checkbox', required: false },
        { key: 'webhook_request_rate', type: 'text', required: false },
      ],
      credentialFields: [
        { key: 'secret', sensitive: true },
        { key: 'previous_secret', sensitive: true },
        { key: 'previous_secret_invalid_at' },
      ],
    });
    expect(await schemas.getDestinationType('webhook')).toEqual(webhook);
  });
});
