/**
 * The body of a publish, parsed. `data` is not taken from the parsed value but cut out of the bytes as they came, so
 * that what was published is what is delivered.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PublishRequest } from '../domain/event.ts';
import { arrayElements, MAX_DEPTH, objectMembers, TooDeepError } from '../domain/json-members.ts';
import type { Member } from '../domain/json-members.ts';
import { OPERATOR_TENANT } from '../domain/operator-tenant.ts';
import { isTopic } from '../domain/topic.ts';
import { ApiError, MAX_FIELD_ERRORS, pointerTo, validationFailed } from './errors.ts';
import type { FieldError } from './errors.ts';
import { parseJsonBody } from './json-text.ts';
import { parseResource } from './publish-resource.ts';
import { parseTime } from './time.ts';

export interface PublishLimits {
  /** Of the bytes of `data`. */
  readonly maxPayloadBytes: number;
  nowMs(): number;
  /** How far ahead `deliver_at` may be: what is kept no longer cannot be sent any more. */
  readonly maxDelayMs: number;
  /** What the topic catalogue has against an event; left out while it can have nothing. */
  readonly judge?: (
    topic: string,
    data: Readonly<Record<string, unknown>>,
    bytes: number,
  ) => readonly FieldError[];
}

/** Events of one batch. */
export const MAX_BATCH_EVENTS = 1000;
/** Half a millisecond's work. */
const EVENTS_A_TURN = 64;
/** Of no tenant's. */
const UNKNOWN_TENANT = '-';
export const EVENT_ID = /^[\x21-\x2d\x2f-\x7e]{1,255}$/;
export const ORDER_KEY = /^[\x21-\x7e]{1,255}$/;
/** As for those that are created; what cannot be one would only ever match nothing. */
export const DESTINATION_ID = /^[\x21-\x7e]{1,255}$/;
/** As the document says (schemas/fields.ts). */
const MAX_METADATA = 100;
const MAX_METADATA_NAME = 255;
const MAX_METADATA_VALUE = 4096;
const FIELDS = new Set([
  'id',
  'tenant_id',
  'topic',
  'destination_id',
  'time',
  'eligible_for_retry',
  'metadata',
  'resource',
  'order_key',
  'deliver_at',
  'data',
]);

/** Throws `ApiError`. */
export function parsePublish(body: Buffer, limits: PublishLimits): PublishRequest {
  const value = parseJsonBody(body);
  const members = membersOf(body, value);
  return parseEvent(body, value, members, limits);
}

/** An event that is not published, such as to test a filter with: the same, but it needs no tenant. Throws `ApiError`. */
export function parseTestEvent(bytes: Buffer, value: unknown, limits: PublishLimits): TestEvent {
  return parseEvent(bytes, value, membersOf(bytes, value), limits, { needsTenant: false });
}

export type TestEvent = Omit<PublishRequest, 'tenantId'>;

/**
 * One result for each event, in order: the wrong ones do not keep the others. Rejects with `ApiError` where the envelope
 * is wrong. A large batch lets others have their turn now and then: else all would wait for whoever sends most.
 */
export async function parseBatch(
  body: Buffer,
  limits: PublishLimits,
): Promise<(PublishRequest | ApiError)[]> {
  const value = parseJsonBody(body);
  // How deep an event may nest is its own affair: one that is too deep does not sink the others.
  const members = membersOf(body, value, Infinity);
  const at = members.find(({ name }) => name === 'events');
  const events = isObject(value) ? value['events'] : undefined;
  const problems = unknownMembers(members, new Set(['events']));
  if (at === undefined || !Array.isArray(events)) {
    problems.push({
      pointer: '/events',
      code: 'required',
      message: 'A batch has its events as a list in `events`.',
    });
  } else if (events.length === 0 || events.length > MAX_BATCH_EVENTS) {
    problems.push({
      pointer: '/events',
      code: 'length',
      message: `A batch has 1 to ${MAX_BATCH_EVENTS} events.`,
    });
  }
  if (problems.length > 0 || at === undefined || !Array.isArray(events))
    throw validationFailed(problems);
  const parsed: (PublishRequest | ApiError)[] = [];
  for (const { start, end } of arrayElements(body, at.start)) {
    if (parsed.length > 0 && parsed.length % EVENTS_A_TURN === 0) await nextTurn();
    // A copy: a slice would keep the whole batch in memory for as long as any of its events waits.
    const bytes = Buffer.from(body.subarray(start, end));
    parsed.push(parseOfBatch(bytes, events[parsed.length], limits));
  }
  return parsed;
}

function parseOfBatch(
  bytes: Buffer,
  event: unknown,
  limits: PublishLimits,
): PublishRequest | ApiError {
  try {
    return parseEvent(bytes, event, membersOf(bytes, event), limits);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

function parseEvent(
  bytes: Buffer,
  value: unknown,
  members: readonly Member[],
  limits: PublishLimits,
  { needsTenant } = { needsTenant: true },
): PublishRequest {
  if (!isObject(value)) {
    throw validationFailed([{ pointer: '', code: 'type', message: 'An event is a JSON object.' }]);
  }
  const problems = unknownMembers(members, FIELDS);
  const {
    tenant_id: tenantId = needsTenant ? undefined : UNKNOWN_TENANT,
    id,
    topic,
    destination_id: destinationId,
    time,
    metadata,
    data,
  } = value;
  const eligible = value['eligible_for_retry'];
  const wrong = (pointer: string, code: string, message: string) =>
    problems.push({ pointer, code, message });

  if (typeof tenantId !== 'string' || tenantId === '')
    wrong('/tenant_id', 'required', 'The tenant’s id is required, as a string.');
  if (tenantId === OPERATOR_TENANT)
    wrong('/tenant_id', 'reserved', 'This tenant gets operator events alone: name another.');
  if (id !== undefined && (typeof id !== 'string' || !EVENT_ID.test(id))) {
    wrong(
      '/id',
      'format',
      'An event’s id has 1 to 255 visible ASCII characters, none of them a dot.',
    );
  }
  if (topic !== undefined && topic !== '' && (typeof topic !== 'string' || !isTopic(topic))) {
    wrong('/topic', 'format', 'A topic has 1 to 255 visible ASCII characters, none of them `*`.');
  }
  if (
    destinationId !== undefined &&
    (typeof destinationId !== 'string' || !DESTINATION_ID.test(destinationId))
  ) {
    wrong(
      '/destination_id',
      'format',
      'A destination’s id has 1 to 255 visible ASCII characters; left out, all that match get the event.',
    );
  }
  const timeMs = time === undefined ? null : parseTime(time);
  if (timeMs === undefined)
    wrong('/time', 'format', 'A time is RFC 3339, such as 2026-11-21T10:00:00.000Z.');
  if (eligible !== undefined && typeof eligible !== 'boolean') {
    wrong('/eligible_for_retry', 'type', '`eligible_for_retry` is true or false.');
  }
  const canonicalMetadata = canonical(metadata);
  if (canonicalMetadata === undefined) {
    wrong(
      '/metadata',
      'type',
      `Metadata are an object of at most ${MAX_METADATA} names of up to ${MAX_METADATA_NAME} characters, with strings of up to ${MAX_METADATA_VALUE} as values.`,
    );
  }
  const orderKey = value['order_key'];
  if (orderKey !== undefined && (typeof orderKey !== 'string' || !ORDER_KEY.test(orderKey)))
    wrong('/order_key', 'format', 'An order key has 1 to 255 visible ASCII characters.');
  const nowMs = limits.nowMs();
  const deliverAt = value['deliver_at'];
  const deliverAtMs = deliverAt === undefined ? null : parseTime(deliverAt);
  if (deliverAtMs === undefined)
    wrong('/deliver_at', 'format', 'A time is RFC 3339, such as 2026-11-21T10:00:00.000Z.');
  else if (deliverAtMs !== null && deliverAtMs > nowMs + limits.maxDelayMs) {
    wrong(
      '/deliver_at',
      'too_late',
      'Later than events are kept: choose a time before retention ends.',
    );
  }
  const resource = parseResource(value['resource'], problems);
  const dataAt = members.find(({ name }) => name === 'data');
  if (dataAt === undefined || !isObject(data))
    wrong('/data', 'required', 'The event’s data are required, as a JSON object.');

  if (
    problems.length > 0 ||
    dataAt === undefined ||
    !isObject(data) ||
    typeof tenantId !== 'string' ||
    timeMs === undefined ||
    deliverAtMs === undefined ||
    canonicalMetadata === undefined
  ) {
    throw validationFailed(problems);
  }
  const dataBytes = dataAt.end - dataAt.start;
  if (dataBytes > limits.maxPayloadBytes) {
    throw new ApiError(
      'payload_too_large',
      `The event’s data are larger than ${limits.maxPayloadBytes} bytes.`,
    );
  }
  if (limits.judge !== undefined) {
    const refused = limits.judge(typeof topic === 'string' ? topic : '', data, dataBytes);
    if (refused.length > 0) throw validationFailed(refused);
  }
  return {
    tenantId,
    id: typeof id === 'string' ? id : null,
    topic: typeof topic === 'string' ? topic : '',
    destinationId: typeof destinationId === 'string' ? destinationId : null,
    timeMs,
    eligibleForRetry: eligible !== false,
    metadata: canonicalMetadata,
    resource,
    orderKey: typeof orderKey === 'string' ? orderKey : null,
    deliverAtMs: deliverAtMs !== null && deliverAtMs > nowMs ? deliverAtMs : null,
    data: bytes.subarray(dataAt.start, dataAt.end),
    test: false,
  };
}

/** Throws `ApiError` where it is no object, or a member nests too deep. */
export function membersOf(bytes: Buffer, value: unknown, maxDepth = MAX_DEPTH): Member[] {
  if (!isObject(value)) {
    throw validationFailed([{ pointer: '', code: 'type', message: 'The body is a JSON object.' }]);
  }
  try {
    return objectMembers(bytes, 0, maxDepth);
  } catch (error) {
    if (!(error instanceof TooDeepError)) throw error;
    const message = `A field may nest ${maxDepth} levels deep.`;
    throw validationFailed([{ pointer: pointerTo(error.member), code: 'too_deep', message }]);
  }
}

export function unknownMembers(
  members: readonly Member[],
  known: ReadonlySet<string>,
): FieldError[] {
  const problems: FieldError[] = [];
  members.forEach(({ name }, index) => {
    if (problems.length >= MAX_FIELD_ERRORS) return;
    if (!known.has(name)) {
      problems.push({
        pointer: pointerTo(name),
        code: 'unknown_field',
        message: `There is no such field; there are ${[...known].join(', ')}.`,
      });
    } else if (members.findIndex((other) => other.name === name) < index) {
      problems.push({
        pointer: pointerTo(name),
        code: 'duplicate_field',
        message: 'The field stands there twice: which one is meant?',
      });
    }
  });
  return problems;
}

/** JSON with sorted names, so that equal maps are equal texts; `null` where it is empty, `undefined` where it is wrong. */
function canonical(metadata: unknown): string | null | undefined {
  if (metadata === undefined) return null;
  if (!isObject(metadata)) return undefined;
  const entries = Object.entries(metadata);
  if (entries.length === 0) return null;
  if (entries.length > MAX_METADATA || !entries.every(isMetadata)) return undefined;
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
}

function isMetadata([name, value]: [string, unknown]): boolean {
  return (
    typeof value === 'string' &&
    value.length <= MAX_METADATA_VALUE &&
    name.length <= MAX_METADATA_NAME
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
