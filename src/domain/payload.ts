/**
 * How an event looks in the body of a message. The published bytes of `data` are spliced in unchanged, so that key order
 * and the spelling of numbers survive. A body depends on nothing but the event and its payload format, and so is built
 * once an event, and again for whoever looks at an attempt later.
 */
import type { Event, EventResource } from './event.ts';
import { isoTime, zonelessTime } from './iso-time.ts';
import { objectMembers } from './json-members.ts';
import { subjectAndEvent } from './subject.ts';

/**
 * standard         Standard Webhooks: `{type, timestamp, data}`
 * data             `data` as published, byte for byte
 * event_and_data   `{event, ...data}`: the members of `data` follow the topic; one called `event` is left out
 * envelope         `{id, type, created, data: {object}}`, `created` in seconds
 * thin             which resource changed, and nothing of its content
 * cloudevents      CloudEvents 1.0, structured
 * jmespath:...     what the JMESPath expression makes of `{id, topic, time, tenant_id, metadata, resource, data}`
 */
export const PAYLOAD_SHAPES = [
  'standard',
  'data',
  'event_and_data',
  'envelope',
  'thin',
  'cloudevents',
] as const;
export type PayloadShape = (typeof PAYLOAD_SHAPES)[number];
export type Payload = PayloadShape | `${typeof EXPRESSION_PREFIX}${string}`;

export const EXPRESSION_PREFIX = 'jmespath:';

/** Expressions that build bodies, however they are evaluated: handed over by serve.ts. */
export interface Expressions {
  /** What is wrong with its text, as a sentence for the tenant; `null`: nothing. */
  check(expression: string): string | null;
  /** JSON, in UTF-8. Takes a bounded time and gives a bounded size; rejects with `PayloadError`. */
  evaluate(expression: string, event: Event): Promise<Uint8Array>;
}

/** The event cannot be put into that format; the message is for the tenant. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

/** The bytes that are sent, and signed; only an expression makes one wait for them, and rejects with `PayloadError`. */
export function renderPayload(
  payload: Payload,
  event: Event,
  expressions: Expressions,
): Uint8Array | Promise<Uint8Array> {
  return isShape(payload)
    ? renderShape(payload, event)
    : expressions.evaluate(payload.slice(EXPRESSION_PREFIX.length), event);
}

export function renderShape(payload: PayloadShape, event: Event): Uint8Array {
  switch (payload) {
    case 'standard':
      return around(
        `{"type":${JSON.stringify(event.topic)},"timestamp":"${isoTime(event.timeMs)}","data":`,
        event.data,
        '}',
      );
    case 'data':
      return event.data;
    case 'event_and_data':
      return eventAndData(event);
    case 'envelope':
      return around(
        `{"id":${JSON.stringify(event.id)},"type":${JSON.stringify(event.topic)},"created":${Math.floor(event.timeMs / 1000)},"data":{"object":`,
        event.data,
        '}}',
      );
    case 'thin':
      return Buffer.from(JSON.stringify(thin(event)));
    case 'cloudevents':
      return around(
        `{"specversion":"1.0","id":${JSON.stringify(event.id)},"source":${JSON.stringify(cloudEventSource(event))},"type":${JSON.stringify(event.topic)}${cloudEventSubjectMember(event)},"time":"${isoTime(event.timeMs)}","datacontenttype":"application/json","data":`,
        event.data,
        '}',
      );
  }
}

/** What an expression is evaluated on, as JSON. */
export function expressionInput(event: Event): Uint8Array {
  const { id, topic, tenantId, timeMs, metadata, resource, data } = event;
  const head = JSON.stringify({ id, topic, time: isoTime(timeMs), tenant_id: tenantId });
  const rest = `,"metadata":${metadata ?? '{}'},"resource":${resource ?? 'null'},"data":`;
  return Buffer.concat([Buffer.from(`${head.slice(0, -1)}${rest}`), data, Buffer.from('}')]);
}

/** The same over all attempts and replays: what the change was triggered by, else the event itself. */
export function idempotencyKey(event: Event): string {
  return resourceOf(event)?.trigger_urn ?? event.id;
}

/** The CloudEvents attribute `source`: who the event is of, as a relative reference. */
export function cloudEventSource({ tenantId }: Event): string {
  return `/tenants/${encodeURIComponent(tenantId)}`;
}

/** The CloudEvents attribute `subject`: the resource that the event is about; `null`: it says none. */
export function cloudEventSubject(event: Event): string | null {
  return resourceOf(event)?.urn ?? null;
}

function thin(event: Event) {
  const resource = resourceOf(event);
  const { subject, event: change } = subjectAndEvent(event.topic);
  const timestamp = zonelessTime(event.timeMs);
  return {
    urn: event.id,
    subject,
    event: change,
    resource: resource?.urn ?? null,
    vectorClock: resource?.vector_clock ?? {},
    timestamp,
    trigger: { urn: idempotencyKey(event), event: change, timestamp },
  };
}

function cloudEventSubjectMember(event: Event): string {
  const subject = cloudEventSubject(event);
  return subject === null ? '' : `,"subject":${JSON.stringify(subject)}`;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function eventAndData({ topic, data }: Event): Uint8Array {
  const head = `{"event":${JSON.stringify(topic)}`;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  // Without a member of that name, however it may be spelled, and without space before the first: nothing to leave out.
  if (bytes[1] === QUOTE && !bytes.includes('"event"') && !bytes.includes(BACKSLASH))
    return around(`${head},`, bytes.subarray(1), '');
  const members = objectMembers(data, 0, Infinity);
  const kept = members
    .filter(({ name }) => name !== 'event')
    .map(({ nameStart, end }) => bytes.subarray(nameStart, end));
  const comma = Buffer.from(',');
  return Buffer.concat([
    Buffer.from(head),
    ...kept.flatMap((member) => [comma, member]),
    Buffer.from('}'),
  ]);
}

/** By event: all its destinations and attempts ask for it. */
const resources = new WeakMap<Event, EventResource>();

function resourceOf(event: Event): EventResource | null {
  if (event.resource === null) return null;
  let resource = resources.get(event);
  if (resource === undefined) {
    // Canonical JSON of ours.
    resource = JSON.parse(event.resource) as EventResource;
    resources.set(event, resource);
  }
  return resource;
}

/** Head and tail are ASCII, as topics, ids and urns are, so that characters are bytes. */
function around(head: string, data: Uint8Array, tail: string): Uint8Array {
  const body = Buffer.allocUnsafe(head.length + data.length + tail.length);
  body.write(head, 0, 'latin1');
  body.set(data, head.length);
  body.write(tail, head.length + data.length, 'latin1');
  return body;
}

export function isShape(payload: Payload): payload is PayloadShape {
  return !payload.startsWith(EXPRESSION_PREFIX);
}
