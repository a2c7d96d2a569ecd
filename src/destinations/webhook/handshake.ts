/**
 * The handshake of CloudEvents' webhooks (HTTP 1.1 Web Hooks for Event Delivery 1.0.2, 4): before the first delivery, and
 * then once a day, the receiver is asked with OPTIONS whether he wants deliveries from here. Headers alone are consent:
 * what happens to answer OPTIONS has not agreed to anything.
 */
import { parseHeaderLines } from '../../domain/attempt.ts';
import type { Outcome } from '../../domain/attempt.ts';
import type { Profile } from '../../domain/profile.ts';
import { Exchange } from './exchange.ts';
import type { WebhookOptions } from './options.ts';
import type { Channel, WebhookPools } from './pools.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

export interface HandshakeOptions {
  readonly url: URL;
  readonly channel: Channel;
  /** Those of every request, and those of the destination, which may let one in. */
  readonly headers: readonly string[];
  readonly profile: Profile;
  /** What is asked for in requests a minute; `null`: nothing. */
  readonly rate: string | null;
  readonly pools: WebhookPools;
  readonly webhook: WebhookOptions;
}

export type Permission =
  | {
      readonly granted: true;
      /** What `WebHook-Allowed-Rate` said, when the receiver was just asked. */
      readonly news: string | null;
    }
  | { readonly granted: false; readonly outcome: Outcome };

/** Asks once, however many messages wait for the answer. */
export class Handshake {
  readonly #options: HandshakeOptions;
  #grantedUntilMs = -Infinity;
  #underWay: Promise<Permission> | null = null;

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  /** Whether a message may go out now; comes within `timeoutMs`. */
  permission(timeoutMs: number): Promise<Permission> {
    const { clock } = this.#options.webhook;
    if (clock.monotonicMs() < this.#grantedUntilMs)
      return Promise.resolve({ granted: true, news: null });
    if (this.#underWay === null) {
      this.#underWay = this.#ask(timeoutMs).finally(() => {
        this.#underWay = null;
      });
      return this.#underWay;
    }
    return this.#waitFor(this.#underWay, timeoutMs);
  }

  /** Another message's question, which may have a later deadline. */
  #waitFor(answer: Promise<Permission>, timeoutMs: number): Promise<Permission> {
    const { clock } = this.#options.webhook;
    return new Promise((resolve) => {
      const timer = clock.schedule(timeoutMs, () =>
        resolve({ granted: false, outcome: noAnswer(timeoutMs) }),
      );
      void answer.then((permission) => {
        timer.cancel();
        resolve(permission.granted ? { granted: true, news: null } : permission);
      });
    });
  }

  async #ask(timeoutMs: number): Promise<Permission> {
    const { url, channel, headers, profile, rate, pools, webhook } = this.#options;
    const outcome = await new Exchange({
      pool: pools.pool(channel),
      request: {
        method: 'OPTIONS',
        path: url.href.slice(url.origin.length),
        headers: [
          ...headers,
          'WebHook-Request-Origin',
          webhook.origin,
          ...(rate === null ? [] : ['WebHook-Request-Rate', rate]),
        ],
      },
      timeoutMs,
      // The status says nothing.
      profile: { ...profile, success: { fromStatus: 200, toStatus: 599 } },
      clock: webhook.clock,
      before: null,
    }).run();
    if (outcome.kind === 'failed') {
      const detail = `The handshake (OPTIONS) failed. ${outcome.detail}`;
      return { granted: false, outcome: { ...outcome, detail } };
    }
    const answered = new Map(
      parseHeaderLines(outcome.response?.headers ?? '').map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    );
    if (!this.#allows(answered.get('webhook-allowed-origin')))
      return { granted: false, outcome: this.#refusal(outcome) };
    this.#grantedUntilMs = webhook.clock.monotonicMs() + DAY_MS;
    return { granted: true, news: answered.get('webhook-allowed-rate') ?? null };
  }

  #allows(allowed: string | undefined): boolean {
    const { origin } = this.#options.webhook;
    return allowed === '*' || allowed?.toLowerCase() === origin.toLowerCase();
  }

  #refusal({ timings, response }: Outcome): Outcome {
    const { origin } = this.#options.webhook;
    return {
      kind: 'failed',
      reason: 'rejected',
      detail: `The receiver has not agreed to deliveries: its answer to the handshake (OPTIONS) has no WebHook-Allowed-Origin of * or ${origin}.`,
      retryable: true,
      timings,
      response,
    };
  }
}

function noAnswer(timeoutMs: number): Outcome {
  return {
    kind: 'failed',
    reason: 'timeout',
    detail: `The handshake (OPTIONS) had no complete answer within ${timeoutMs / 1000} s.`,
    retryable: true,
    timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: timeoutMs },
    response: null,
  };
}
