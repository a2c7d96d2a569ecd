/** Publishers that do not wait for their answer, and come again with the same event. Budget: 10 s. */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';

import type { Published } from '../support/e2e-api.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { API_KEY, startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { SeededRandom } from '../support/simulated-random.ts';

const PUBLISHERS = 2000;
const AT_A_TIME = 100;

it(
  'an event is delivered once, though its publisher hung up 1 to 20 ms after sending it and sent it again',
  { timeout: 120_000 },
  async () => {
    const random = new SeededRandom(7);
    const receiver = await startReceiver();
    const { api, url, stop } = await startServerWithDestination(receiver.url('/hook'));

    let withoutAnswer = 0;
    let duplicates = 0;
    let lastNumber = 0;
    const ids: string[] = [];
    const next = () => ++lastNumber;
    const publishTwice = async (number: number) => {
      const event = { id: `order-${number}`, tenant_id: 'acme', data: { number } };
      const answered = await hangUp(url, JSON.stringify(event), {
        afterMs: random.between(1, 20),
        abruptly: random.chance(0.5),
      });
      if (!answered) withoutAnswer++;
      const again = await api.send('POST', '/api/v1/publish', event);
      expect(again).toMatchObject({
        status: 202,
        body: { id: event.id, destination_ids: ['hook'] },
      });
      if ((again.body as Published).duplicate) duplicates++;
      // Who had an answer has published it already.
      else expect(answered).toBe(false);
      ids.push(event.id);
    };
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        for (let number = next(); number <= PUBLISHERS; number = next()) await publishTwice(number);
      }),
    );

    expect(ids).toHaveLength(PUBLISHERS);
    expect(withoutAnswer).toBeGreaterThan(0);
    await untilTrue('no delivery to be pending', () => api.isIdle());
    const hits = receiver.hits('/hook').map(({ id }) => id);
    expect(hits.toSorted()).toEqual(ids.toSorted());
    expect(await api.deliveries('status=delivered')).toHaveLength(PUBLISHERS);
    await stop();
    console.log(
      `hang-ups: ${PUBLISHERS} publishers, ${withoutAnswer} gone before their answer; ${duplicates} events were ` +
        `there when they came again, ${PUBLISHERS - duplicates} were not; ${hits.length} requests arrived`,
    );
  },
);

async function startServerWithDestination(target: string) {
  const server = await startServer({ cwd: temporaryFolder() });
  await server.api.tenant('acme');
  await server.api.destination('acme', { id: 'hook', url: target });
  return { api: server.api, url: server.url, stop: () => server.stop() };
}

/** Publishes over a connection that is given up so long after; whether an answer had begun to come. */
async function hangUp(
  url: string,
  body: string,
  { afterMs, abruptly }: { afterMs: number; abruptly: boolean },
): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let answered = false;
  socket.on('data', () => (answered = true));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  socket.write(
    `POST /api/v1/publish HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${API_KEY}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  await pause(afterMs);
  if (abruptly) socket.resetAndDestroy();
  else socket.destroy();
  return answered;
}
