/** A graceful stop: SIGTERM ends what is under way, loses nothing and sends nothing twice. Budget: 25 s. */
import { connect } from 'node:net';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { Load } from '../support/e2e-load.ts';
import { gate, startReceiver } from '../support/e2e-receiver.ts';
import { API_KEY, startServer } from '../support/e2e-server.ts';
import type { Server, ServerOptions } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { SeededRandom } from '../support/simulated-random.ts';

const TIMEOUT_MS = 120_000;
/** The default. */
const GRACE_MS = 10_000;

it(
  'SIGTERM takes no new connections, and attempts under way end and are recorded',
  { timeout: TIMEOUT_MS },
  async () => {
    const { cwd, receiver, server } = await serverWithHook();
    const { behaviour, release } = gate();
    receiver.behave('/hook', behaviour);
    const ids = await publish(server, 5);
    await receiver.wait('/hook', 5);

    server.signal('SIGTERM');
    await untilTrue('connections to be refused', () => isRefused(server.url));
    // They are still under way.
    expect(server.running.stderr()).not.toContain('"msg":"stopped');
    release();
    expect(await server.ended()).toEqual({ code: 0, signal: null });
    expect(server.running.stderr()).toContain('"msg":"stopped');

    const next = await startServer({ cwd });
    const deliveries = await next.api.deliveries();
    expect(deliveries.map((each) => each.event_id).toSorted()).toEqual(ids.toSorted());
    for (const delivery of deliveries)
      expect(delivery).toMatchObject({ status: 'delivered', attempts: 1 });
    await next.stop();
    expect(receiver.hits('/hook')).toHaveLength(5);
  },
);

it('a publish under way is taken, answered and delivered', { timeout: TIMEOUT_MS }, async () => {
  const { cwd, receiver, server } = await serverWithHook();
  const event = { id: 'order-1', tenant_id: 'acme', data: {} };
  const publisher = await beginPublish(server.url, event);
  const startMs = performance.now();
  server.signal('SIGTERM');
  await untilTrue('connections to be refused', () => isRefused(server.url));
  expect(await publisher.finish()).toMatch(/^HTTP\/1\.1 202 [^]*"id":"order-1","duplicate":false/);
  // Nor does it wait for what that connection, which is kept, might bring yet.
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  expect(performance.now() - startMs).toBeLessThan(GRACE_MS);

  const next = await startServer({ cwd });
  await receiver.wait('/hook', 1);
  await untilTrue('no delivery to be pending', () => next.api.isIdle());
  expect(await next.api.deliveries()).toMatchObject([{ status: 'delivered', attempts: 1 }]);
  await next.stop();
  expect(receiver.hits('/hook').map(({ id }) => id)).toEqual(['order-1']);
});

it('signals that come again change nothing', { timeout: TIMEOUT_MS }, async () => {
  const { cwd, receiver, server } = await serverWithHook();
  const { behaviour, release } = gate();
  receiver.behave('/hook', behaviour);
  await publish(server, 1);
  await receiver.wait('/hook', 1);

  server.signal('SIGTERM');
  server.signal('SIGTERM');
  await untilTrue('connections to be refused', () => isRefused(server.url));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) server.signal(signal);
  release();
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  expect(server.running.stderr().match(/"msg":"stopping/g)).toHaveLength(1);

  const next = await startServer({ cwd });
  expect(await next.api.deliveries()).toMatchObject([{ status: 'delivered', attempts: 1 }]);
  await next.stop();
  expect(receiver.hits('/hook')).toHaveLength(1);
});

it(
  'what hangs past the grace is given up, which is no attempt, and is attempted after the next start',
  { timeout: TIMEOUT_MS },
  async () => {
    const graceMs = 4000;
    const { cwd, receiver, server } = await serverWithHook({
      env: { ANGARIUM_SHUTDOWN_GRACE_S: String(graceMs / 1000) },
      // One failure would be the end of it.
      policy: { retry: { delays_s: [] } },
    });
    // So many that their outcomes, if there were any, would be written at once.
    for (let number = 1; number <= 80; number++) {
      const id = `hook-${number}`;
      const policy = { retry: { delays_s: [] } };
      await server.api.destination('acme', { id, url: receiver.url('/hook'), policy });
    }
    receiver.behave('/hook', () => null);
    const ids = await publish(server, 7);
    const owed = ids.length * 81;
    await receiver.wait('/hook', owed);
    // A publisher that never ends its request has no grace of its own.
    const publisher = await beginPublish(server.url, { tenant_id: 'acme', data: {} });

    const startMs = performance.now();
    await server.stop();
    const tookMs = performance.now() - startMs;
    publisher.giveUp();
    expect(tookMs).toBeGreaterThan(graceMs - 50);
    expect(tookMs).toBeLessThan(2 * graceMs);
    expect(server.running.stderr()).not.toContain('"level":50');

    receiver.behave('/hook', () => 200);
    const next = await startServer({ cwd });
    await receiver.wait('/hook', 2 * owed);
    await untilTrue('no delivery to be pending', () => next.api.isIdle());
    const deliveries = await next.api.deliveries();
    expect(deliveries).toHaveLength(owed);
    expect(new Set(deliveries.map(({ status }) => status))).toEqual(new Set(['delivered']));
    expect(new Set(deliveries.map(({ attempts }) => attempts))).toEqual(new Set([1]));
    await next.stop();
  },
);

it('an idle server loses nothing and sends nothing twice', { timeout: TIMEOUT_MS }, async () => {
  const { cwd, receiver, server } = await serverWithHook();
  const ids = await publish(server, 500);
  await receiver.wait('/hook', 500);
  await untilTrue('no delivery to be pending', () => server.api.isIdle());
  const before = await server.api.deliveries();
  await server.stop();

  const next = await startServer({ cwd });
  expect(await next.api.deliveries()).toEqual(before);
  // What would be sent again would be sent before this one.
  ids.push(...(await publish(next, 1)));
  const hits = await receiver.wait('/hook', 501);
  expect(hits.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  await next.stop();
});

it('nor does one that is stopped under load, time and again', { timeout: TIMEOUT_MS }, async () => {
  const random = new SeededRandom(11);
  const load = new Load(['acme'], random);
  const { cwd, receiver, server: first } = await serverWithHook();
  let server = first;
  for (let round = 0; round < 3; round++) {
    const enough = load.acknowledged.size + random.int(100, 700);
    const publishers = load.run(server.api);
    await untilTrue(`${enough} events`, () => load.acknowledged.size >= enough);
    server.signal('SIGTERM');
    await publishers;
    expect(await server.ended()).toEqual({ code: 0, signal: null });
    server = await startServer({ cwd });
  }
  await untilTrue('no delivery to be pending', () => server.api.isIdle());
  const hits = receiver.hits('/hook').map(({ id }) => id);
  const arrived = new Set(hits);
  expect([...load.acknowledged.keys()].filter((id) => !arrived.has(id))).toEqual([]);
  expect(hits).toHaveLength(arrived.size);
  await server.stop();
});

/** A server with one destination, `hook`, of the tenant `acme`. */
async function serverWithHook({
  policy,
  env = {},
}: { policy?: object; env?: ServerOptions['env'] } = {}) {
  const cwd = temporaryFolder();
  const receiver = await startReceiver();
  const server = await startServer({ cwd, ...(env === undefined ? {} : { env }) });
  await server.api.tenant('acme');
  const hook = { id: 'hook', url: receiver.url('/hook') };
  await server.api.destination('acme', policy === undefined ? hook : { ...hook, policy });
  return { cwd, receiver, server };
}

function publish({ api }: Server, count: number): Promise<string[]> {
  return api.publishAll(Array.from({ length: count }, () => ({ tenant_id: 'acme', data: {} })));
}

function isRefused(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

/** A publish whose body does not come before it is asked for. */
async function beginPublish(url: string, event: object) {
  const { hostname, port } = new URL(url);
  const body = JSON.stringify(event);
  let answer = '';
  const socket = connect({ host: hostname, port: Number(port) });
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  socket.on('error', (error) => (answer += String(error)));
  socket.write(
    `POST /api/v1/publish HTTP/1.1\r\nhost: angarium\r\nauthorization: Bearer ${API_KEY}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nexpect: 100-continue\r\n\r\n`,
  );
  await untilTrue('the server to ask for the body', () => answer.startsWith('HTTP/1.1 100 '));
  return {
    giveUp: () => socket.destroy(),
    async finish(): Promise<string> {
      answer = '';
      socket.write(body);
      await untilTrue('the end of the connection', () => socket.destroyed);
      return answer;
    },
  };
}
