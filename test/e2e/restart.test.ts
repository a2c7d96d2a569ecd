/** What was begun before a restart goes on after it, in time. Budget: 15 s. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import type { Server } from '../support/e2e-server.ts';
import { until, untilTrue } from '../support/e2e-until.ts';

const TIMEOUT_MS = 120_000;

it.each([
  { end: 'a graceful stop', endOf: (server: Server) => server.stop() },
  { end: 'kill -9', endOf: (server: Server) => server.kill9() },
])(
  'retries scheduled before $end are due at the same time after it',
  { timeout: TIMEOUT_MS },
  async ({ endOf }) => {
    const cwd = temporaryFolder();
    const receiver = await startReceiver();
    const server = await startServer({ cwd });
    await server.api.tenant('acme');
    // The first is due soon after the start, the last is not due in this test.
    for (const [id, delayS] of Object.entries({ soon: 3, later: 4, tomorrow: 86_400 })) {
      receiver.behave(`/${id}`, () => (receiver.hits(`/${id}`).length === 1 ? 500 : 200));
      await server.api.destination('acme', {
        id,
        url: receiver.url(`/${id}`),
        policy: { retry: { delays_s: [delayS, 1], jitter: 0 } },
      });
    }
    await server.api.publish({ tenant_id: 'acme', data: {} });
    const before = await until('all failures to be recorded', async () => {
      const deliveries = await server.api.deliveries();
      return deliveries.every(({ next_attempt_at }) => next_attempt_at !== null)
        ? deliveries
        : undefined;
    });
    expect(before.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    await endOf(server);

    const next = await startServer({ cwd });
    const tomorrow = 'status=pending&destination_id=tomorrow';
    expect(await next.api.deliveries(tomorrow)).toEqual(
      before.filter((each) => each.destination_id === 'tomorrow'),
    );
    for (const id of ['soon', 'later']) {
      const due = before.find((each) => each.destination_id === id)?.next_attempt_at ?? '';
      const [, retried] = await receiver.wait(`/${id}`, 2);
      // The clock that rings and the one that is read may differ by a millisecond.
      expect(retried?.atMs).toBeGreaterThanOrEqual(Date.parse(due) - 1);
    }
    await untilTrue('both to be recorded', async () => {
      return (await next.api.deliveries('status=delivered')).length === 2;
    });
    expect(await next.api.deliveries(tomorrow)).toMatchObject([{ attempts: 1 }]);
    await next.stop();
  },
);

it(
  'what a disabled destination was owed is canceled to the end after kill -9',
  { timeout: TIMEOUT_MS },
  async () => {
    const owed = 20_000;
    const cwd = temporaryFolder();
    const receiver = await startReceiver();
    const server = await startServer({ cwd });
    await server.api.tenant('acme');
    receiver.behave('/hook', () => null);
    await server.api.destination('acme', { id: 'hook', url: receiver.url('/hook') });
    for (let published = 0; published < owed; published += 1000) {
      await server.api.publishAll(
        Array.from({ length: 1000 }, () => ({ tenant_id: 'acme', data: {} })),
      );
    }
    await server.api.ok('PUT', '/api/v1/tenants/acme/destinations/hook/disable');
    await server.kill9();
    // The canceling was under way, or had not begun.
    expect(pendingIn(cwd)).toBeGreaterThan(0);
    const sent = receiver.hits('/hook').length;

    const next = await startServer({ cwd });
    await untilTrue('no delivery to be pending', () => next.api.isIdle());
    expect(await next.api.deliveries('status=canceled')).toHaveLength(owed);
    // What is published to it when it is enabled again arrives: the canceling is over.
    receiver.behave('/hook', () => 200);
    await next.api.ok('PUT', '/api/v1/tenants/acme/destinations/hook/enable');
    const id = await next.api.publish({ tenant_id: 'acme', data: {} });
    const hits = await receiver.wait('/hook', sent + 1);
    expect(hits.slice(sent).map((hit) => hit.id)).toEqual([id]);
    await next.stop();
  },
);

/** Asked of the file, while no server has it. */
function pendingIn(cwd: string): number {
  const db = new DatabaseSync(join(cwd, 'data', 'angarium.db'), { readOnly: true });
  try {
    return Number(db.prepare('SELECT count(*) AS n FROM deliveries WHERE status = 0').get()?.['n']);
  } finally {
    db.close();
  }
}
