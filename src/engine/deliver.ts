/** One attempt: the event in its wire format, handed to the destination's sender; whatever happens comes back as a value. */
import type { Sender, Sent } from '../destinations/destination-type.ts';
import type { AttemptKind, Outcome } from '../domain/attempt.ts';
import type { Clock } from '../domain/clock.ts';
import type { IdCodec } from '../domain/id.ts';
import { PayloadError, renderPayload } from '../domain/payload.ts';
import type { Expressions, Payload } from '../domain/payload.ts';
import type { Body } from './bodies.ts';
import type { EngineLog } from './engine-log.ts';
import type { LiveDelivery, LiveEvent } from './live-delivery.ts';
import type { Target } from './target.ts';

export interface Attempt {
  readonly number: number;
  readonly kind: AttemptKind;
  readonly startedAtMs: number;
  readonly outcome: Outcome;
  readonly request: Sent['request'];
  readonly note: string | null;
}

export interface DelivererParts {
  readonly clock: Clock;
  readonly log: EngineLog;
  readonly ids: IdCodec;
  readonly expressions: Expressions;
}

export class Deliverer {
  readonly #parts: DelivererParts;

  constructor(parts: DelivererParts) {
    this.#parts = parts;
  }

  async attempt(target: Target, delivery: LiveDelivery): Promise<Attempt> {
    const { event } = delivery;
    const startedAtMs = this.#parts.clock.nowMs();
    const number = delivery.attempts + 1;
    const sender = this.#open(target);
    const rendered = this.#bodyOf(event, target);
    const body = rendered instanceof Promise ? await rendered : rendered;
    const sent =
      sender === null
        ? notSent(target, 'invalid_destination', UNUSABLE)
        : body instanceof PayloadError
          ? notSent(target, 'payload', body.message)
          : await sender.send({
              event,
              body,
              deliveryId: () =>
                this.#parts.ids.deliveryId({ seq: event.seq, ordinal: delivery.ordinal }),
              attempt: number,
              nowMs: startedAtMs,
              timeoutMs: target.timeoutMs,
            });
    return { number, kind: kindOf(delivery), startedAtMs, ...sent };
  }

  #open(target: Target): Sender | null {
    try {
      return target.sender();
    } catch (error) {
      this.#parts.log.destinationUnusable(target.tenantId, target.id, error);
      return null;
    }
  }

  /** The first destination that needs a format renders it for all. */
  #bodyOf(event: LiveEvent, { profile: { payload } }: Target): Body | Promise<Body> {
    const known = event.bodies.get(payload);
    if (known !== undefined) return known;
    const rendered = renderPayload(payload, event, this.#parts.expressions);
    const body = rendered instanceof Promise ? awaitBody(rendered, event, payload) : rendered;
    event.bodies.set(payload, body);
    return body;
  }
}

async function awaitBody(
  rendered: Promise<Uint8Array>,
  { bodies }: LiveEvent,
  payload: Payload,
): Promise<Body> {
  try {
    const body = await rendered;
    bodies.set(payload, body);
    return body;
  } catch (error) {
    // The next attempt may have more luck: the thread may have been busy.
    bodies.forget(payload);
    if (error instanceof PayloadError) return error;
    throw error;
  }
}

function kindOf({ event, askedBy, attempts }: LiveDelivery): AttemptKind {
  switch (askedBy) {
    case 'hand':
      return 'manual';
    case 'replay':
      return 'replay';
    case 'schedule':
      if (event.test) return 'test';
      return attempts === 0 ? 'first' : 'retry';
  }
}

const UNUSABLE = 'The destination’s configuration or secrets cannot be used; set them again.';

/** A format that fails on an event will do so again; a configuration may be mended. */
function notSent(
  { profile: { payload } }: Target,
  reason: 'invalid_destination' | 'payload',
  detail: string,
): Sent {
  return {
    request: { shape: { url: '', headers: '', payload }, headers: '' },
    note: null,
    outcome: {
      kind: 'failed',
      reason,
      detail,
      retryable: reason === 'invalid_destination',
      timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 },
      response: null,
    },
  };
}
