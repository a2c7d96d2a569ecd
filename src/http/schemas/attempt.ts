/** Attempts, as the API shows them. */
import { ATTEMPT_KINDS, FAILURE_REASONS, parseHeaderLines } from '../../domain/attempt.ts';
import type { IdCodec } from '../../domain/id.ts';
import { PayloadError, renderPayload } from '../../domain/payload.ts';
import type { Expressions, Payload } from '../../domain/payload.ts';
import type { StoredAttempt } from '../../storage/reading.ts';
import { formatTime } from '../time.ts';
import { eventSummaryText } from './event.ts';
import { Time } from './fields.ts';
import {
  anything,
  boolean,
  integer,
  arrayOf,
  literal,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  ref,
  string,
} from './json-schema.ts';

export const INCLUDES = [
  'event',
  'event.data',
  'response_data',
  'destination',
  'request',
  'response',
] as const;
export type Include = (typeof INCLUDES)[number];

const Headers = arrayOf(arrayOf(string(), { minItems: 2, maxItems: 2 }), {
  description: 'Pairs of name and value.',
});
const Milliseconds = nullable(number());

export const AttemptSchema = object(
  {
    id: string(),
    tenant_id: string(),
    event_id: string(),
    destination_id: string(),
    destination_type: string(),
    delivery_id: string(),
    status: oneOf(['success', 'failed']),
    time: Time,
    code: string({ description: 'HTTP status, or the reason of the failure.' }),
    attempt_number: integer({ minimum: 1 }),
    manual: boolean(),
    kind: oneOf([...ATTEMPT_KINDS]),
    reason: nullable(oneOf([...FAILURE_REASONS])),
    detail: nullable(string(), { description: 'The reason in words.' }),
    timings: object({
      dns_ms: Milliseconds,
      connect_ms: Milliseconds,
      tls_ms: Milliseconds,
      first_byte_ms: Milliseconds,
      total_ms: number(),
    }),
    request: optional(
      object({
        method: literal('POST'),
        url: string(),
        headers: Headers,
        body: nullable(string()),
      }),
    ),
    response: optional(
      nullable(
        object({
          status: integer(),
          headers: Headers,
          body: string(),
          truncated: boolean(),
        }),
      ),
    ),
    response_data: optional(nullable(record(anything))),
    event: optional(nullable(record(anything))),
    destination: optional(ref('Destination')),
  },
  { $id: 'Attempt' },
);

export interface AttemptView {
  readonly ids: IdCodec;
  readonly include: ReadonlySet<Include>;
  /** What was sent with each that is to be shown so (`sentBodies`). */
  readonly bodies: ReadonlyMap<StoredAttempt, string | null>;
  /** JSON of the destination as it is now; `null` where it is gone. */
  destinationText(tenantId: string, destinationId: string): string | null;
}

/** JSON text: an event's `data` are spliced in as they are. */
export function attemptJsonText(attempt: StoredAttempt, view: AttemptView): string {
  const { include, ids } = view;
  const { event, response, timings } = attempt;
  let text = JSON.stringify({
    id: ids.attemptId(attempt.seq),
    tenant_id: attempt.tenantId,
    event_id: event?.id ?? ids.eventId(attempt.delivery.seq),
    destination_id: attempt.destinationId,
    destination_type: attempt.destinationType,
    delivery_id: ids.deliveryId(attempt.delivery),
    status: attempt.reason === null ? 'success' : 'failed',
    time: formatTime(attempt.startedAtMs),
    code: attempt.code,
    attempt_number: attempt.number,
    manual: attempt.kind === 'manual' || attempt.kind === 'replay',
    kind: attempt.kind,
    reason: attempt.reason,
    detail: attempt.detail,
    timings: {
      dns_ms: timings.dnsMs,
      connect_ms: timings.connectMs,
      tls_ms: timings.tlsMs,
      first_byte_ms: timings.firstByteMs,
      total_ms: timings.totalMs,
    },
    ...(include.has('request') ? { request: requestJson(attempt, view) } : {}),
    ...(include.has('response') ? { response: responseJson(response) } : {}),
    ...(include.has('response_data') ? { response_data: responseJson(response) } : {}),
  });
  const add = (name: string, json: string) => {
    text = `${text.slice(0, -1)},"${name}":${json}}`;
  };
  if (include.has('event') || include.has('event.data')) {
    add('event', event === null ? 'null' : eventSummaryText(event, include.has('event.data')));
  }
  // Left out where it is gone: so Outpost's clients expect it.
  const destination = view.destinationText(attempt.tenantId, attempt.destinationId);
  if (include.has('destination') && destination !== null) add('destination', destination);
  return text;
}

function requestJson(attempt: StoredAttempt, { bodies }: AttemptView) {
  const { request } = attempt;
  return {
    method: 'POST',
    url: request.shape.url,
    headers: [...parseHeaderLines(request.shape.headers), ...parseHeaderLines(request.headers)],
    body: bodies.get(attempt) ?? null,
  };
}

/** The bodies are not kept: the event and the format give them again, byte for byte. */
export async function sentBodies(
  attempts: readonly StoredAttempt[],
  expressions: Expressions,
): Promise<Map<StoredAttempt, string | null>> {
  const bodies = new Map<StoredAttempt, string | null>();
  for (const attempt of attempts) bodies.set(attempt, await bodyText(attempt, expressions));
  return bodies;
}

/** `null` where the event is gone, or could not be put into the format: then nothing was sent. */
async function bodyText(
  { event, reason, request }: StoredAttempt,
  expressions: Expressions,
): Promise<string | null> {
  if (event === null || reason === 'payload') return null;
  try {
    // One of those that a destination can have, or could in the version that wrote it.
    return readable(await renderPayload(request.shape.payload as Payload, event, expressions));
  } catch (error) {
    if (error instanceof PayloadError) return null;
    throw error;
  }
}

function responseJson(response: StoredAttempt['response']) {
  if (response === null) return null;
  const { status, headers, body, truncated } = response;
  return { status, headers: parseHeaderLines(headers), body: readable(body), truncated };
}

/** Bytes that are not UTF-8 become U+FFFD. */
function readable(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
