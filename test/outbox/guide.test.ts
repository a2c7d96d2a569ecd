import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { installOutbox } from '../../src/outbox/install.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { EventView, ListView } from '../support/api-views.ts';
import { startRelay } from '../support/outbox-relay.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();
if (reason !== null) describe('the guide', () => it.skip(reason));
else describeGuide();

function describeGuide() {
  const api = useApi();
  const server = usePostgresServer();

  it('has SQL that does what the guide says', async () => {
    const guide = await readFile(new URL('../../docs/guides/outbox.md', import.meta.url), 'utf8');
    const [publish = '', failed = ''] = Array.from(
      guide.matchAll(/```sql\n(.*?)```/gs),
      ([, sql]) => sql,
    );
    const place = { name: 'guide', url: server.url, schema: 'angarium' };
    onTestFinished(async () => {
      await server.query('DROP SCHEMA IF EXISTS angarium CASCADE; DROP TABLE IF EXISTS orders');
    });
    await installOutbox(place, false);
    await server.query(publish);
    await server.query(failed);
    await api().put('/v1/tenants/my-project');
    startRelay(api(), place);
    const event = await until('the event', async () => {
      const { body } = await api().get<ListView<EventView>>('/v1/events?tenant_id=my-project');
      return body.models[0];
    });
    expect(event).toMatchObject({ topic: 'order.placed', data: { id: 1001, total: 49.9 } });
  });
}
