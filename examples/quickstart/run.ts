/**
 * The way of an event, from publish to record, in one run: `npm run quickstart`.
 *
 * It starts a server in a temporary folder and a receiver beside it, publishes two events, and shows what arrived and
 * what was kept. Everything that it starts and writes is gone when it ends.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, startAngarium } from './angarium-process.ts';
import type { AngariumProcess } from './angarium-process.ts';
import type * as ReceiverModule from './receiver.ts';
import type { Received } from './receiver.ts';

/** Two events of a video platform: a room was made, somebody came in. */
const EVENTS = [
  {
    id: 'evt_abc123xyz',
    topic: 'room.created',
    data: {
      id: 'room_abc123xyz',
      name: 'my-room',
      liveType: 'video_call',
      status: 'active',
      createdAt: '2026-01-18T10:00:00Z',
      metadata: {},
    },
  },
  {
    id: 'evt_def456uvw',
    topic: 'participant.joined',
    data: {
      id: 'part_xyz789abc',
      userId: 'user-123',
      name: 'John Doe',
      roomId: 'room_abc123xyz',
      isHost: false,
      joinedAt: '2026-01-18T10:01:00Z',
    },
  },
] as const;

const TENANT = 'my-project';
const ARRIVAL_TIMEOUT_MS = 10_000;
const MODULE_NOT_FOUND = 'ERR_MODULE_NOT_FOUND';

interface Destination {
  readonly id: string;
  readonly config: { readonly url: string };
  readonly credentials: { readonly secret: string };
}

interface Published {
  readonly id: string;
  readonly duplicate: boolean;
  readonly destination_ids: readonly string[];
}

interface Attempt {
  readonly id: string;
  readonly event_id: string;
  readonly status: string;
  readonly code: string;
  readonly attempt_number: number;
  readonly timings: { readonly total_ms: number };
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: string;
  };
}

/** To be done in the end, the last first. */
const cleanUps: (() => Promise<void>)[] = [];
let cleaning: Promise<void> | undefined;
let steps = 0;

async function main(): Promise<void> {
  const { createReceiver } = await loadReceiver();

  step('Start a server on a free port, its data in a temporary folder');
  const folder = await mkdtemp(join(tmpdir(), 'angarium-quickstart-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const angarium = await startAngarium(folder);
  cleanUps.push(() => angarium.stop());
  say(`ready at ${angarium.url}, key ${angarium.apiKey}`);

  step(`Create the tenant ${TENANT}, and a destination for all of its room and participant events`);
  const received: Received[] = [];
  const refused: string[] = [];
  // It listens first: its port is in the destination, and the destination's secret is in it.
  const server = createServer();
  const port = await listen(server);
  cleanUps.push(() => close(server));
  await call(angarium, 'PUT', `/tenants/${TENANT}`);
  const destination = await call<Destination>(angarium, 'POST', `/tenants/${TENANT}/destinations`, {
    type: 'webhook',
    topics: ['room.*', 'participant.*'],
    config: { url: `http://127.0.0.1:${port}/webhooks` },
  });
  const { secret } = destination.credentials;
  say(`${destination.id} at ${destination.config.url}`);
  say(`its signing secret: ${secret}`);
  const receiver = createReceiver({
    secret,
    onMessage: (message) => received.push(message),
    onRefused: (reason) => refused.push(reason),
  });
  server.on('request', receiver);

  step('Publish two events; each 202 says that the event is on the disk');
  for (const event of EVENTS) {
    const published = await publish(angarium, event);
    say(`${event.topic}: 202 ${JSON.stringify(published)}`);
    check(published.destination_ids.includes(destination.id), `${event.topic} matched nothing`);
  }

  step('What arrived, verified by the receiver with the npm package standardwebhooks');
  await until(() => received.length + refused.length >= EVENTS.length, 'not all events arrived');
  check(refused.length === 0, `the receiver refused a message: ${refused.join(', ')}`);
  for (const event of EVENTS) {
    const message = received.find(({ id }) => id === event.id);
    if (message === undefined) throw new Error(`${event.id} did not arrive`);
    say(`POST ${destination.config.url}`);
    for (const [name, value] of Object.entries(message.headers)) say(`  ${name}: ${value}`);
    say(`  ${message.body}`);
    check(message.type === event.topic, `${event.id} arrived as ${message.type}`);
    deepStrictEqual(message.data, event.data, `the data of ${event.id} are not what was published`);
    say('  signature good, data as published');
  }

  step('The record of each attempt, read back by the API');
  for (const event of EVENTS) {
    const attempt = await recordedAttempt(angarium, event.id);
    say(
      `${attempt.id}: attempt ${attempt.attempt_number} of ${attempt.event_id}, ${attempt.status}, ` +
        `status ${attempt.code}, ${attempt.timings.total_ms} ms`,
    );
    say(`  ${attempt.request.method} ${attempt.request.url}, ${headersOf(attempt)}`);
    check(attempt.status === 'success', `${event.id} was not recorded as delivered`);
    const message = received.find(({ id }) => id === event.id);
    check(attempt.request.body === message?.body, 'the recorded body is not what arrived');
    say('  the recorded body is what arrived, byte for byte');
  }

  step('Publish the first one again, as after a lost answer: it is known, nothing is sent twice');
  const again = await publish(angarium, EVENTS[0]);
  say(`202 ${JSON.stringify(again)}`);
  check(again.duplicate, 'the repeated event was not recognised');
  check(received.length === EVENTS.length, 'the repeated event was sent again');
}

// ── The calls ──────────────────────────────────────────────────────────────────────────────────────────────────────

function publish(angarium: AngariumProcess, event: (typeof EVENTS)[number]): Promise<Published> {
  return call<Published>(angarium, 'POST', '/publish', { tenant_id: TENANT, ...event });
}

/** Outcomes are written a few milliseconds after the answer of the receiver. */
async function recordedAttempt(angarium: AngariumProcess, eventId: string): Promise<Attempt> {
  const path = `/attempts?tenant_id=${TENANT}&event_id=${eventId}&include=request`;
  let found: Attempt | undefined;
  await until(async () => {
    const { models } = await call<{ models: Attempt[] }>(angarium, 'GET', path);
    found = models[0];
    return found !== undefined;
  }, `no attempt of ${eventId} was recorded`);
  if (found === undefined) throw new Error('unreachable');
  return found;
}

async function call<Answer>(
  { url, apiKey }: AngariumProcess,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  return JSON.parse(text) as Answer;
}

function headersOf({ request }: Attempt): string {
  return request.headers.map(([name]) => name).join(', ');
}

// ── The receiver ───────────────────────────────────────────────────────────────────────────────────────────────────

async function loadReceiver(): Promise<typeof ReceiverModule> {
  try {
    return await import('./receiver.ts');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === MODULE_NOT_FOUND;
    if (!isMissing) throw error;
    const what = 'the receiver needs the npm package standardwebhooks: run npm ci';
    throw new Error(what, { cause: error });
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

// ── The telling ────────────────────────────────────────────────────────────────────────────────────────────────────

function step(title: string): void {
  console.log(`\n${++steps}. ${title}`);
}

function say(line: string): void {
  console.log(`   ${line}`);
}

function check(isTrue: boolean, complaint: string): void {
  if (!isTrue) throw new Error(complaint);
}

async function until(isTrue: () => boolean | Promise<boolean>, complaint: string): Promise<void> {
  const deadlineMs = performance.now() + ARRIVAL_TIMEOUT_MS;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs)
      throw new Error(`${complaint} within ${ARRIVAL_TIMEOUT_MS / 1000} s`);
    await sleep(10);
  }
}

function cleanUp(): Promise<void> {
  cleaning ??= (async () => {
    for (let next = cleanUps.pop(); next !== undefined; next = cleanUps.pop())
      await next().catch(complain);
  })();
  return cleaning;
}

function complain(error: unknown): void {
  console.error(`\nquickstart: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

// ── The run ────────────────────────────────────────────────────────────────────────────────────────────────────────

let interruptedWith: number | undefined;

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    interruptedWith ??= code;
    void cleanUp();
  });
}

try {
  await main();
} catch (error) {
  // What was taken away from under it fails: that is no news.
  if (interruptedWith === undefined) complain(error);
}
await cleanUp();
if (interruptedWith !== undefined) process.exit(interruptedWith);
if (process.exitCode === undefined)
  console.log('\nDone. The server has ended, its folder is gone. README.md goes on from here.');
