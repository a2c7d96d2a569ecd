/** An answer 202 comes after the commit, and where there is no commit there is no 202. */
import { describe, expect, it } from 'vitest';
import { StorageUnavailableError } from '../../src/storage/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { withApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { BatchView, EventView, ListView } from '../support/api-views.ts';

/** A storage whose commits wait until they are let through, and are refused while `refuses`. */
function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const state = { open: () => open(), refuses: false, asked: 0 };
  const wrap = (storage: Storage): Storage => ({
    ...storage,
    publish: async (query) => {
      state.asked++;
      await opened;
      if (state.refuses) throw new StorageUnavailableError('the disk is full');
      return storage.publish(query);
    },
  });
  return { state, wrap };
}

describe('a publish', () => {
  it('is answered after its commit, not before', async () => {
    const { state, wrap } = gate();
    await withApi({ wrap }, async (own) => {
      const tenantId = await own.tenant();
      await own.destination(tenantId, { config: { url: own.receiver.url('/committed') } });
      let answered = 0;
      const event = { tenant_id: tenantId, data: {} };
      const publishes = [
        own.publish(event),
        own.publish(event),
        own.post('/v1/publish/batch', { events: [event] }),
      ].map(async (publish) => {
        const { status } = await publish;
        answered++;
        return status;
      });
      await until('the commit', () => (state.asked > 0 ? true : undefined));
      // Others are answered meanwhile, again and again.
      for (let round = 0; round < 50; round++) {
        const { status } = await fetch(`${own.url}/healthz`);
        expect(status).toBe(200);
      }
      expect(answered).toBe(0);
      expect(own.receiver.at('/committed')).toHaveLength(0);
      state.open();
      expect(await Promise.all(publishes)).toEqual([202, 202, 202]);
      await own.receiver.wait('/committed', 3);
    });
  });

  it('is 503 where the storage refuses, keeps and sends nothing, and works again later', async () => {
    const { state, wrap } = gate();
    state.open();
    await withApi({ wrap }, async (own) => {
      const tenantId = await own.tenant();
      await own.destination(tenantId, { config: { url: own.receiver.url('/again') } });
      const event = { tenant_id: tenantId, id: 'again', data: {} };
      state.refuses = true;
      const refused = await own.publish(event);
      expect(refused.body).toMatchObject({ status: 503, code: 'unavailable' });
      expect(refused.headers['retry-after']).toBe('1');
      expect(own.failures.splice(0)).toHaveLength(1);
      state.refuses = false;
      const { body: listed } = await own.get<ListView<EventView>>(
        `/v1/events?tenant_id=${tenantId}`,
      );
      expect(listed.models).toEqual([]);
      expect((await own.publish(event)).body).toMatchObject({ id: 'again', duplicate: false });
      await own.receiver.wait('/again', 1);
    });
  });

  it('of a batch says so of each event that was not kept', async () => {
    const { state, wrap } = gate();
    state.open();
    await withApi({ wrap }, async (own) => {
      const tenantId = await own.tenant();
      state.refuses = true;
      const { status, body } = await own.post<BatchView>('/v1/publish/batch', {
        events: [{ tenant_id: tenantId, data: {} }, { x: 1 }, { tenant_id: tenantId, data: {} }],
      });
      expect(status).toBe(202);
      expect(body.results).toMatchObject([
        { error: { status: 503, code: 'unavailable' } },
        { error: { status: 422, code: 'validation_failed' } },
        { error: { status: 503, code: 'unavailable' } },
      ]);
    });
  });
});
