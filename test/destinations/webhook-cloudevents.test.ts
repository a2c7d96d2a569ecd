/** CloudEvents as the project's own SDKs, for JavaScript and Python, read them from what a receiver got. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { HTTP } from 'cloudevents';
import type { CloudEventV1 } from 'cloudevents';
import { describe, expect, it } from 'vitest';
import { applyFormat } from '../../src/domain/format.ts';
import type { FormatName } from '../../src/domain/format.ts';
import { renderShape } from '../../src/domain/payload.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { standard } from '../../src/profiles/standard.ts';
import { CLOUDEVENTS, findPython } from '../support/python.ts';
import { startReceiver } from '../support/receiver.ts';
import type { ReceivedRequest } from '../support/receiver.ts';
import {
  createEvent,
  createLoopbackType,
  createMessage,
  expectDelivered,
  openWebhook,
} from '../support/receiver-sender.ts';

type CloudEventsFormat = Extract<FormatName, `cloudevents-${string}`>;
const FORMATS: readonly CloudEventsFormat[] = ['cloudevents-structured', 'cloudevents-binary'];

const EVENT = createEvent({
  id: 'evt_ce',
  tenantId: 'acme & söhne',
  topic: 'room.created',
  resource: '{"urn":"urn:room:7"}',
  data: Buffer.from('{"room":"ä😀","n":1}'),
});

async function received(
  format: CloudEventsFormat,
  { event = EVENT, profile = standard } = {},
): Promise<ReceivedRequest> {
  const receiver = await startReceiver();
  const sender = openWebhook(createLoopbackType(), receiver.url, {
    profile,
    format: { name: format },
  });
  const shape = format === 'cloudevents-binary' ? 'data' : 'cloudevents';
  expect(applyFormat(profile, { name: format }).payload).toBe(shape);
  expectDelivered(await sender.send(createMessage({ event, body: renderShape(shape, event) })));
  const [request] = receiver.requests;
  if (request === undefined) throw new Error('nothing came');
  return request;
}

function read({ headers, body }: ReceivedRequest): CloudEventV1<unknown> {
  const message = { headers, body: body.toString() };
  expect(HTTP.isEvent(message)).toBe(true);
  const event = HTTP.toEvent(message);
  if (Array.isArray(event)) throw new Error('one event was sent, not several');
  return event;
}

const python = findPython(CLOUDEVENTS);
const script = fileURLToPath(new URL('../support/read-cloudevents.py', import.meta.url));

describe.each(FORMATS)('%s', (format) => {
  it('is what the SDK reads: valid, with all attributes and the data', async () => {
    const event = read(await received(format));
    expect(event).toMatchObject({
      specversion: '1.0',
      id: 'evt_ce',
      source: '/tenants/acme%20%26%20s%C3%B6hne'.replaceAll(
        '%',
        format === 'cloudevents-binary' ? '%25' : '%',
      ),
      type: 'room.created',
      subject: 'urn:room:7',
      time: '2023-11-14T22:13:20.000Z',
      data: { room: 'ä😀', n: 1 },
    });
  });

  it.skipIf(python === null)('is what the SDK for Python reads', async () => {
    const { headers, body } = await received(format);
    const input = JSON.stringify({ headers, body: body.toString('base64') });
    const { stdout, stderr } = spawnSync(python ?? '', [script], { input, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      attributes: {
        specversion: '1.0',
        id: 'evt_ce',
        source: '/tenants/acme%20%26%20s%C3%B6hne',
        type: 'room.created',
        subject: 'urn:room:7',
        time: '2023-11-14 22:13:20+00:00',
      },
      data: { room: 'ä😀', n: 1 },
    });
  });

  it('has no subject where the event has none', async () => {
    const event = read(await received(format, { event: { ...EVENT, resource: null } }));
    expect(event.subject).toBeUndefined();
  });

  it('keeps the signature of the profile, over the body that is sent', async () => {
    expect((await received(format)).headers).toMatchObject({ 'webhook-id': 'evt_ce' });
    const { headers } = await received(format, { profile: balkanid });
    expect(headers).toMatchObject({ 'x-outpost-topic': 'room.created' });
    expect(headers['x-outpost-signature']).toMatch(/^v0=[0-9a-f]{64}$/);
  });
});

it('a structured event says so in its content type, a binary one has that of the data', async () => {
  const structured = await received('cloudevents-structured');
  expect(structured.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
  expect(structured.headers['ce-id']).toBeUndefined();
  const binary = await received('cloudevents-binary');
  expect(binary.headers['content-type']).toBe('application/json');
  expect(binary.body).toEqual(EVENT.data);
});

it('headers of the attributes cannot be set by hand', () => {
  const type = createLoopbackType();
  const open = (format: FormatName) => () =>
    openWebhook(type, 'http://127.0.0.1:1/', {
      customHeaders: { 'CE-Id': 'mine' },
      format: format === 'jmespath' ? { name: format, expression: '@' } : { name: format },
    });
  expect(open('cloudevents-binary')).toThrow('header_reserved');
  expect(open('cloudevents-structured')).not.toThrow();
});
