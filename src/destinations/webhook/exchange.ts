/**
 * One request and its answer, as undici reports them, under one deadline: DNS, connect, TLS, headers and body together.
 *
 * The receiver's status decides once the body has ended or 16 KiB of it were read; what comes after that is not read,
 * and the connection is dropped. Redirects are not followed: undici's dispatcher never does.
 */
import type { Dispatcher } from 'undici';
import type { AttemptResponse, Outcome, Timings } from '../../domain/attempt.ts';
import type { Clock, Timer } from '../../domain/clock.ts';
import type { Profile } from '../../domain/profile.ts';
import type { ConnectTimings } from '../connector.ts';
import { failureOf, isLostConnection } from './failure.ts';
import type { OriginPool } from './pools.ts';
import { bodyOf, isSuccess, MAX_BODY_BYTES, responseHeaders, retryAfterMs } from './response.ts';

export interface ExchangeOptions {
  readonly pool: OriginPool;
  readonly request: Dispatcher.DispatchOptions;
  readonly timeoutMs: number;
  readonly profile: Profile;
  readonly clock: Clock;
}

type ResponseHeaders = Record<string, string | string[] | undefined>;

/** The attempt ended here; undici is told, so that it lets go of the connection. */
class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #startedMs: number;
  #deadline: Timer | null = null;
  #resolve: (outcome: Outcome) => void = () => {};
  #settled = false;
  #controller: Dispatcher.DispatchController | null = null;
  #connect: ConnectTimings | null = null;
  #firstByteMs: number | null = null;
  #status = 0;
  #headers: ResponseHeaders = {};
  #chunks: Buffer[] = [];
  #received = 0;
  #isSecondTry = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  run(): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#deadline = this.#options.clock.schedule(this.#options.timeoutMs, () => this.#timeOut());
      this.#dispatch();
    });
  }

  // ── What undici reports ────────────────────────────────────────────────────────────────────────────────────────

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // The deadline passed while the connection was being opened: nothing is sent any more.
    if (this.#settled) {
      controller.abort(new Abandoned());
      return;
    }
    this.#controller = controller;
    this.#connect = this.#options.pool.takeFreshTimings() ?? this.#connect;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ResponseHeaders,
  ): void {
    // 1xx announce the answer, they are none.
    if (status < 200) return;
    this.#firstByteMs = this.#elapsedMs();
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = MAX_BODY_BYTES - this.#received;
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#received += Math.min(chunk.length, room);
    if (chunk.length > room) this.#answered(true);
  }

  onResponseEnd(): void {
    this.#answered(false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    // A kept connection may have been closed by the receiver in the moment of its reuse. The message is safe to send
    // twice (same id), so this costs a new connection, not an attempt.
    const wasReused = this.#connect === null && this.#firstByteMs === null;
    if (wasReused && !this.#isSecondTry && this.#controller !== null && isLostConnection(error)) {
      this.#isSecondTry = true;
      this.#dispatch();
      return;
    }
    this.#settle({ kind: 'failed', ...failureOf(error), timings: this.#timings(), response: null });
  }

  // ── What follows from it ───────────────────────────────────────────────────────────────────────────────────────

  #dispatch(): void {
    try {
      this.#options.pool.dispatch(this.#options.request, this);
    } catch (error) {
      this.#settle({
        kind: 'failed',
        ...failureOf(error),
        timings: this.#timings(),
        response: null,
      });
    }
  }

  #timeOut(): void {
    this.#settle({
      kind: 'failed',
      reason: 'timeout',
      detail: `No complete answer within ${this.#options.timeoutMs / 1000} s.`,
      retryable: true,
      timings: this.#timings(),
      response: null,
    });
    this.#controller?.abort(new Abandoned());
  }

  #answered(truncated: boolean): void {
    if (this.#settled) return;
    const encoding = this.#headers['content-encoding'];
    // The deadline goes on for the little that decompressing takes.
    if (encoding === undefined) this.#conclude(Buffer.concat(this.#chunks), truncated);
    else {
      void bodyOf(this.#chunks, String(encoding)).then(({ body, isCut }) =>
        this.#conclude(body, truncated || isCut),
      );
    }
    if (truncated) this.#controller?.abort(new Abandoned());
  }

  #conclude(body: Uint8Array, truncated: boolean): void {
    const { profile, clock } = this.#options;
    const timings = this.#timings();
    const response: AttemptResponse = {
      status: this.#status,
      headers: responseHeaders(this.#headers),
      body,
      truncated,
    };
    if (isSuccess(profile, this.#status)) {
      this.#settle({ kind: 'delivered', timings, response });
      return;
    }
    const askedMs = retryAfterMs(this.#headers['retry-after'], clock.nowMs());
    this.#settle({
      kind: 'failed',
      reason: 'http_status',
      detail: `The receiver answered with status ${this.#status}.`,
      retryable: !profile.finalStatuses.includes(this.#status),
      ...(askedMs === null ? {} : { retryAfterMs: askedMs }),
      timings,
      response,
    });
  }

  #settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#deadline?.cancel();
    this.#resolve(outcome);
  }

  #elapsedMs(): number {
    return this.#options.clock.monotonicMs() - this.#startedMs;
  }

  #timings(): Timings {
    return {
      dnsMs: this.#connect?.dnsMs ?? null,
      connectMs: this.#connect?.connectMs ?? null,
      tlsMs: this.#connect?.tlsMs ?? null,
      firstByteMs: this.#firstByteMs,
      totalMs: this.#elapsedMs(),
    };
  }
}
