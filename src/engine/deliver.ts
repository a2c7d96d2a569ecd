/** One attempt: the event in its wire format, handed to the destination's sender; whatever happens comes back as a value. */
import type { Sender, Sent } from '../destinations/destination-type.ts';
import type { AttemptKind, Outcome } from '../domain/attempt.ts';
import type { Clock } from '../domain/clock.ts';
import { renderBody } from '../domain/wire-format.ts';
import type { EngineLog } from './engine-log.ts';
import type { LiveDelivery, LiveEvent } from './lane.ts';
import type { Target } from './target.ts';

export interface Attempt {
  readonly number: number;
  readonly kind: AttemptKind;
  readonly startedAtMs: number;
  readonly outcome: Outcome;
  readonly request: Sent['request'];
}

export class Deliverer {
  readonly #clock: Clock;
  readonly #log: EngineLog;

  constructor(clock: Clock, log: EngineLog) {
    this.#clock = clock;
    this.#log = log;
  }

  async attempt(target: Target, delivery: LiveDelivery): Promise<Attempt> {
    const { event } = delivery;
    const startedAtMs = this.#clock.nowMs();
    const sender = this.#open(target);
    const { outcome, request } =
      sender === null
        ? unusable()
        : await sender.send({
            event,
            body: bodyOf(event, target),
            nowMs: startedAtMs,
            timeoutMs: target.timeoutMs,
          });
    return { number: delivery.attempts + 1, kind: kindOf(delivery), startedAtMs, outcome, request };
  }

  #open(target: Target): Sender | null {
    try {
      return target.sender();
    } catch (error) {
      this.#log.destinationUnusable(target.tenantId, target.id, error);
      return null;
    }
  }
}

/** The body does not depend on the destination: the first one that needs it renders it for all. */
function bodyOf(event: LiveEvent, { profile }: Target): Uint8Array {
  let body = event.bodies.get(profile.wire);
  if (body === undefined) {
    body = renderBody(profile.wire, event);
    event.bodies.set(profile.wire, body);
  }
  return body;
}

function kindOf({ manual, attempts }: LiveDelivery): AttemptKind {
  if (manual) return 'manual';
  return attempts === 0 ? 'first' : 'retry';
}

function unusable(): Sent {
  return {
    request: { url: '', headers: '' },
    outcome: {
      kind: 'failed',
      reason: 'invalid_destination',
      detail: 'The destination’s configuration or secrets cannot be used; set them again.',
      retryable: true,
      timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 },
      response: null,
    },
  };
}
