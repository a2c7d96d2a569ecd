/**
 * No room left: publishes are refused, what was accepted is kept, and the work goes on when there is room, in the same
 * process. Budget: 10 s.
 */
import { describe, expect, it } from 'vitest';

import type { Api, Delivery, Published } from '../support/e2e-api.ts';
import { smallDatabase, smallDisk } from '../support/e2e-full-disk.ts';
import { gate, startReceiver } from '../support/e2e-receiver.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';
import { until, untilTrue } from '../support/e2e-until.ts';

const TIMEOUT_MS = 120_000;
/** Under way when the disk is full. */
const UNDER_WAY = 5;

describe.each([
  { name: 'a full disk', makeDisk: smallDisk },
  { name: 'a full database', makeDisk: smallDatabase },
])('$name', ({ name, makeDisk }) => {
  it(
    'refuses publishes, keeps what it accepted, and goes on when there is room',
    { timeout: TIMEOUT_MS },
    async ({ skip }) => {
      const disk = makeDisk();
      if (disk === null) return skip(`${name}: this user may not mount a tmpfs`);
      const receiver = await startReceiver();
      const held = gate();
      receiver.behave('/hook', held.behaviour);
      // So that an outcome needs room too.
      receiver.answerWith('y'.repeat(16_000));
      const server = await startServer({ cwd: disk.folder, env: disk.env });
      const { api, pid } = server;
      await api.tenant('acme');
      await api.destination('acme', { id: 'hook', url: receiver.url('/hook') });
      const accepted = await api.publishAll(Array.from({ length: UNDER_WAY }, event));
      await receiver.wait('/hook', UNDER_WAY);

      disk.fill();
      const refused = await publishUntilRefused(api, accepted);
      expect(refused).toMatchObject({
        status: 503,
        headers: { 'retry-after': '1' },
        body: { status: 503, code: 'unavailable', request_id: expect.any(String) },
      });
      expect(await api.batch([event(), event()])).toMatchObject([
        { error: { status: 503, code: 'unavailable' } },
        { error: { status: 503, code: 'unavailable' } },
      ]);
      expect((await api.send('GET', '/readyz')).status).toBe(503);

      // The attempts under way end now, and cannot be written down.
      held.release();
      await untilTrue('the log to say so', () =>
        server.running.stderr().includes('outcomes could not be written'),
      );
      expect(attemptsOf(await api.deliveries())).toEqual(new Set([0]));

      disk.makeRoom();
      const later = await until('a publish to be taken', async () => {
        const answer = await api.send('POST', '/api/v1/publish', event());
        return answer.status === 202 ? (answer.body as Published).id : undefined;
      });
      accepted.push(later);
      await untilTrue('no delivery to be pending', () => api.isIdle());
      // An answer is good for a second.
      await untilTrue('it to be ready', async () => {
        const { status } = await api.send('GET', '/readyz');
        return status === 200;
      });
      const deliveries = await api.deliveries('status=delivered');
      expect(deliveries.map((each) => each.event_id).toSorted()).toEqual(accepted.toSorted());
      // The outcomes were kept: nothing was sent a second time to learn them again.
      expect(attemptsOf(deliveries)).toEqual(new Set([1]));
      const arrived = receiver.hits('/hook').map(({ id }) => id);
      expect(arrived.toSorted()).toEqual(accepted.toSorted());

      expect(server.pid).toBe(pid);
      await server.stop();
      const next = await startServer({ cwd: disk.folder, env: disk.env });
      expect(await next.api.deliveries()).toEqual(deliveries);
      await next.stop();
    },
  );
});

it(
  'a full disk lets a server end, and says why it does not start',
  { timeout: TIMEOUT_MS },
  async ({ skip }) => {
    const disk = smallDisk();
    if (disk === null) return skip('this user may not mount a tmpfs');
    const receiver = await startReceiver();
    const held = gate();
    receiver.behave('/hook', held.behaviour);
    const server = await startServer({ cwd: disk.folder });
    await server.api.tenant('acme');
    await server.api.destination('acme', { id: 'hook', url: receiver.url('/hook') });
    // More than are attempted at a time: the others are in memory, and have to be given up.
    const accepted = await server.api.publishAll(Array.from({ length: 40 }, event));
    await receiver.wait('/hook', 8);
    disk.fill();
    expect((await publishUntilRefused(server.api, accepted)).status).toBe(503);
    held.release();
    await untilTrue('the log to say so', () =>
      server.running.stderr().includes('outcomes could not be written'),
    );
    await server.stop();

    const refused = await runAngarium(['serve'], { cwd: disk.folder, env: serverEnv() });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^angarium: cannot open .*angarium\.db: .*full.*\n$/);

    disk.makeRoom();
    const next = await startServer({ cwd: disk.folder });
    await untilTrue('no delivery to be pending', () => next.api.isIdle());
    const deliveries = await next.api.deliveries('status=delivered');
    expect(deliveries.map((each) => each.event_id).toSorted()).toEqual(accepted.toSorted());
    await next.stop();
  },
);

/** Larger than the room that is left in the pages of the file. */
function event() {
  return { tenant_id: 'acme', data: { text: 'x'.repeat(20_000) } };
}

/** The first answer that is not 202; the ids of those before it go to `accepted`. */
async function publishUntilRefused(api: Api, accepted: string[]) {
  return until('a publish to be refused', async () => {
    const answer = await api.send('POST', '/api/v1/publish', event());
    if (answer.status !== 202) return answer;
    accepted.push((answer.body as Published).id);
    return undefined;
  });
}

function attemptsOf(deliveries: readonly Delivery[]): Set<number> {
  return new Set(deliveries.map(({ attempts }) => attempts));
}
