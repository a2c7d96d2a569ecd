/**
 * A restore to a moment, by docs/operations/postgres.md: what was committed up to it is there, what was delivered up to
 * it is not sent again. Budget: 60 s.
 */
import { describe, expect, it } from 'vitest';

import type { Api } from '../support/e2e-api.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { gate, startReceiver } from '../support/e2e-receiver.ts';
import type { Receiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { startArchivingServer } from '../support/postgres-archive.ts';
import { whyNoOwnPostgres } from '../support/postgres-server.ts';

const TIMEOUT_MS = 180_000;
/** So few that the circuit breaker of a destination that refuses them stays closed. */
const EVENTS = 5;
/** What a dead server had starts again within 20 s; the machine may be slow. */
const RESCUED_MS = 60_000;

const reason = await whyNoOwnPostgres();

describe.skipIf(reason !== null)(`restore${reason === null ? '' : `: ${reason}`}`, () => {
  it(
    'to a moment: nothing before it is lost or sent again, but what was under way, and nothing after it is known',
    { timeout: TIMEOUT_MS },
    async () => {
      const postgres = await startArchivingServer();
      const receiver = await startReceiver();
      const env = { ANGARIUM_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') };
      const onPostgres = (url: string) => ({
        cwd: temporaryFolder(),
        env: { ...env, ANGARIUM_DATABASE_URL: url },
      });
      const server = await startServer(onPostgres(postgres.url));
      const { api } = server;
      await api.tenant('acme');
      const held = gate();
      receiver.behave('/held', held.behaviour);
      receiver.behave('/later', () => 503);
      const later = { retry: { delays_s: [3600], jitter: 0 } };
      await api.destination('acme', { id: 'ok', url: receiver.url('/ok') });
      await api.destination('acme', { id: 'later', url: receiver.url('/later'), policy: later });

      const inBackup = await publishAndSettle(api, receiver, 'a');
      const backup = await postgres.backUp();
      const inLog = await publishAndSettle(api, receiver, 'b');
      await api.destination('acme', { id: 'held', url: receiver.url('/held') });
      const [underWay = ''] = await api.publishAll([{ tenant_id: 'acme', id: 'held', data: {} }]);
      await receiver.wait('/held', 1);
      await untilTrue('the others of it to be recorded', async () => {
        const rows = await api.deliveries(`event_id=${underWay}`);
        return rows.filter(({ attempts }) => attempts === 1).length === 2;
      });
      const [{ moment = '' } = {}] = await postgres.query(
        'SELECT clock_timestamp()::text AS moment',
      );
      held.release();
      await untilTrue('it to be recorded after the moment', async () =>
        (await api.deliveries(`event_id=${underWay}&status=delivered`)).some(
          ({ destination_id: id }) => id === 'held',
        ),
      );
      const after = await publishAndSettle(api, receiver, 'c');
      await server.kill9();
      await postgres.stop();

      const restored = await backup.restore(String(moment));
      const sentBefore = receiver.hits('/ok').length;
      const next = await startServer(onPostgres(restored.url));
      await untilTrue(
        'what was under way to be delivered again',
        async () => (await next.api.deliveries('destination_id=held&status=delivered')).length > 0,
        RESCUED_MS,
      );
      expect(receiver.hits('/held').map(({ id }) => id)).toContain(underWay);
      expect(receiver.hits('/held').filter(({ id }) => id === underWay)).toHaveLength(2);

      // All that was before the moment, as it was; nothing of it was sent again.
      const known = [...inBackup, ...inLog, underWay];
      const taken = await next.api.deliveries('destination_id=ok');
      expect(new Set(taken.map(({ event_id: id }) => id))).toEqual(new Set(known));
      expect(taken.filter(({ status }) => status !== 'delivered')).toEqual([]);
      const waiting = await next.api.deliveries('destination_id=later&status=pending');
      expect(new Set(waiting.map(({ event_id: id }) => id))).toEqual(new Set(known));
      expect(waiting.filter(({ attempts }) => attempts !== 1)).toEqual([]);
      expect(receiver.hits('/ok')).toHaveLength(sentBefore);

      // What came after it is not known: published again under its id, it is new.
      for (const id of after)
        expect((await next.api.send('GET', `/api/v1/events/${id}`)).status).toBe(404);
      const [, first] = after;
      const again = await next.api.ok('POST', '/api/v1/publish', {
        tenant_id: 'acme',
        id: first,
        data: {},
      });
      expect(again).toMatchObject({ id: first, duplicate: false });
      await untilTrue('it to arrive again', () => receiver.hits('/ok').length > sentBefore);
      // No number is given out twice, as numbers tell the time.
      const own = await next.api.publish({ tenant_id: 'acme', data: {} });
      expect([...known, ...after]).not.toContain(own);
      expect(own > (known.find((id) => id.startsWith('evt_')) ?? '')).toBe(true);
      await next.stop();
    },
  );
});

/** The ids of events of which the destination `ok` has taken each, and `later` has refused each once. One has an id of ours. */
async function publishAndSettle(api: Api, receiver: Receiver, mark: string): Promise<string[]> {
  const before = receiver.hits('/ok').length;
  const ids = await api.publishAll(
    Array.from({ length: EVENTS }, (_, n) => ({
      tenant_id: 'acme',
      ...(n > 0 ? { id: `${mark}-${n}` } : {}),
      data: {},
    })),
  );
  await receiver.wait('/ok', before + EVENTS);
  await untilTrue('all to be recorded', async () => {
    const rows = await api.deliveries();
    const settled = new Map(rows.map((row) => [`${row.event_id} ${row.destination_id}`, row]));
    return ids.every(
      (id) =>
        settled.get(`${id} ok`)?.status === 'delivered' &&
        settled.get(`${id} later`)?.attempts === 1,
    );
  });
  return ids;
}
