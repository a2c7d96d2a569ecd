/**
 * Receivers that do as they are told, and the destination type that reaches them. They outlive the processes that send
 * to them and remember every request.
 */
import type { Outcome } from '../../src/domain/attempt.ts';
import { retriesReason, retriesStatus } from '../../src/domain/profile.ts';
import type { Profile } from '../../src/domain/profile.ts';
import type {
  DestinationType,
  Message,
  Sender,
  Sent,
} from '../../src/destinations/destination-type.ts';
import type { ProcessClock } from './simulated-clock.ts';
import type { SeededRandom } from './simulated-random.ts';

/**
 * How a receiver takes the next request. `dead`: no answer and no deadline either, until the process ends. `asksForEnd`:
 * each answer, whatever it is, has `webhook-delivery: disable`.
 */
export type Behaviour =
  | { readonly kind: 'ok' | 'refusing'; readonly latencyMs: number }
  | {
      readonly kind: 'status';
      readonly latencyMs: number;
      readonly status: number;
      readonly retryAfterMs?: number;
    }
  | {
      readonly kind: 'flapping';
      readonly latencyMs: number;
      readonly failures: number;
      readonly asksForEnd?: boolean;
    }
  | { readonly kind: 'hanging' }
  | { readonly kind: 'dead' };

export const HEALTHY: Behaviour = { kind: 'ok', latencyMs: 5 };

export interface ReceivedRequest {
  /** Counts up over all receivers: the order also of those that come at the same moment. */
  readonly no: number;
  readonly receiver: Receiver;
  readonly tenantId: string;
  readonly eventId: string;
  /** Number of the process that sent it. */
  readonly processNo: number;
  /** Monotonic. */
  readonly startedMs: number;
  /** `null`: not answered yet, or never, because its process died. */
  outcome: Outcome | null;
  endedMs: number | null;
  /** The same on the wall clock. */
  endedAtMs: number | null;
  isUnderWay: boolean;
}

export interface Receiver {
  readonly name: string;
  behaviour: Behaviour;
  readonly requests: ReceivedRequest[];
  underWay: number;
}

export const SIMULATED_TYPE = 'simulated';

export class SimulatedReceivers {
  readonly #random: SeededRandom;
  readonly #all = new Map<string, Receiver>();
  readonly #onRequest: (request: ReceivedRequest) => void;
  readonly #onEnd: (request: ReceivedRequest) => void;
  readonly #underWay = new Set<ReceivedRequest>();
  #lastNo = 0;

  constructor(
    random: SeededRandom,
    onRequest: (request: ReceivedRequest) => void = () => {},
    onEnd: (request: ReceivedRequest) => void = () => {},
  ) {
    this.#random = random;
    this.#onRequest = onRequest;
    this.#onEnd = onEnd;
  }

  /** Made at the first mention. */
  receiver(name: string): Receiver {
    let receiver = this.#all.get(name);
    if (receiver === undefined) {
      receiver = { name, behaviour: HEALTHY, requests: [], underWay: 0 };
      this.#all.set(name, receiver);
    }
    return receiver;
  }

  all(): IterableIterator<Receiver> {
    return this.#all.values();
  }

  /** Requests of a process that have no answer yet. */
  underWayOf(processNo: number): ReceivedRequest[] {
    return [...this.#underWay].filter((request) => request.processNo === processNo);
  }

  /** The process died, its connections are gone. */
  cut(processNo: number): void {
    for (const request of this.underWayOf(processNo)) this.#end(request, null);
  }

  /** The type as one process uses it. `config.receiver` names the receiver, `config.origin` what it shares with others. */
  type(clock: ProcessClock, processNo: number): DestinationType {
    return {
      type: SIMULATED_TYPE,
      description: {
        label: 'Simulated',
        description: 'A receiver of the simulation.',
        icon: '',
        instructions: '',
        configFields: [],
        credentialFields: [],
      },
      check: ({ config }) =>
        typeof config['receiver'] === 'string'
          ? {
              ok: true,
              config: {
                receiver: config['receiver'],
                ...(typeof config['origin'] === 'string' ? { origin: config['origin'] } : {}),
              },
              credentials: { secret: 'simulated' },
              auth: null,
            }
          : {
              ok: false,
              problems: [
                { pointer: '/config/receiver', code: 'required', message: 'Name a receiver.' },
              ],
            },
      renewSecret: ({ credentials }) => credentials ?? {},
      showCredentials: ({ credentials }) => credentials,
      showAuth: (auth) => ({ auth, warnings: [] }),
      describeTarget: (config) => ({ target: config['receiver'] ?? '', targetUrl: '' }),
      originOf: (config) => config['origin'] ?? null,
      withoutSecrets: (config) => config,
      open: ({ config, profile }) =>
        this.#sender(config['receiver'] ?? '', profile, clock, processNo),
      close: () => Promise.resolve(),
    };
  }

  #sender(name: string, profile: Profile, clock: ProcessClock, processNo: number): Sender {
    return {
      send: (message) =>
        new Promise<Sent>((resolve) => {
          const request = this.#arrive(this.receiver(name), message, clock, processNo);
          const answer = this.#answer(request.receiver.behaviour, profile, message.timeoutMs);
          if (answer === null) return;
          clock.after(answer.totalMs, () => {
            const outcome = answer.outcome(answer.totalMs);
            request.endedMs = clock.monotonicMs();
            request.endedAtMs = clock.nowMs();
            this.#end(request, outcome);
            resolve({
              outcome,
              request: {
                shape: { url: `simulated:${name}`, headers: '', payload: 'standard' },
                headers: '',
              },
              note: null,
            });
          });
        }),
    };
  }

  #arrive(
    receiver: Receiver,
    { event }: Message,
    clock: ProcessClock,
    processNo: number,
  ): ReceivedRequest {
    const request: ReceivedRequest = {
      no: ++this.#lastNo,
      receiver,
      tenantId: event.tenantId,
      eventId: event.id,
      processNo,
      startedMs: clock.monotonicMs(),
      outcome: null,
      endedMs: null,
      endedAtMs: null,
      isUnderWay: true,
    };
    receiver.requests.push(request);
    receiver.underWay++;
    this.#underWay.add(request);
    this.#onRequest(request);
    return request;
  }

  #end(request: ReceivedRequest, outcome: Outcome | null): void {
    request.outcome = outcome;
    request.isUnderWay = false;
    request.receiver.underWay--;
    this.#underWay.delete(request);
    this.#onEnd(request);
  }

  /** When the answer comes and what it is; `null`: never. */
  #answer(behaviour: Behaviour, profile: Profile, timeoutMs: number): Answer | null {
    if (behaviour.kind === 'dead') return null;
    if (behaviour.kind === 'hanging' || behaviour.latencyMs >= timeoutMs)
      return { totalMs: timeoutMs, outcome: (totalMs) => failed('timeout', profile, totalMs) };
    const totalMs = behaviour.latencyMs;
    switch (behaviour.kind) {
      case 'ok':
        return { totalMs, outcome: delivered };
      case 'refusing':
        return { totalMs, outcome: () => failed('connection', profile, totalMs) };
      case 'status':
        return {
          totalMs,
          outcome: () => answered(behaviour.status, profile, totalMs, behaviour.retryAfterMs),
        };
      case 'flapping': {
        const fails = this.#random.chance(behaviour.failures);
        const outcome = fails ? () => answered(503, profile, totalMs) : delivered;
        return {
          totalMs,
          outcome: behaviour.asksForEnd === true ? (ms) => asking(outcome(ms)) : outcome,
        };
      }
    }
  }
}

interface Answer {
  readonly totalMs: number;
  readonly outcome: (totalMs: number) => Outcome;
}

function delivered(totalMs: number): Outcome {
  return { kind: 'delivered', timings: timings(totalMs), response: response(200) };
}

/** Whether it is tried again is its profile's to say. */
function failed(reason: 'timeout' | 'connection', profile: Profile, totalMs: number): Outcome {
  const retryable = retriesReason(profile, reason);
  const timed = timings(totalMs);
  return {
    kind: 'failed',
    reason,
    detail: 'As simulated.',
    retryable,
    timings: timed,
    response: null,
  };
}

function answered(
  status: number,
  profile: Profile,
  totalMs: number,
  retryAfterMs?: number,
): Outcome {
  return {
    kind: 'failed',
    reason: 'http_status',
    detail: 'As simulated.',
    retryable: retriesStatus(profile, status),
    ...(status === 410 ? { wish: 'gone' } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    timings: timings(totalMs),
    response: response(status),
  };
}

function asking(outcome: Outcome): Outcome {
  return { ...outcome, wish: 'disable' };
}

function response(status: number) {
  return { status, headers: '', body: new Uint8Array(), truncated: false };
}

function timings(totalMs: number) {
  return { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: totalMs, totalMs };
}
