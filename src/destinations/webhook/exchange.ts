/**
 * One request and its answer, as undici reports them, under one deadline: DNS, connect, TLS, headers and body together.
 *
 * The receiver's status decides once the body has ended or 16 KiB of it were read; what comes after that is not read,
 * and the connection is dropped. Redirects are not followed: undici's dispatcher never does.
 */
import type { Dispatcher } from 'undici';
import type { AttemptResponse, Outcome, ReceiverWish, Timings } from '../../domain/attempt.ts';
import type { Clock, Timer } from '../../domain/clock.ts';
import { isSuccess, retriesReason, retriesStatus } from '../../domain/profile.ts';
import type { Profile } from '../../domain/profile.ts';
import type { Connection } from './connection.ts';
import { failureOf, isLostConnection } from './failure.ts';
import type { Failure } from './failure.ts';
import type { OriginPool } from './pools.ts';
import { bodyOf, MAX_BODY_BYTES, responseHeaders, retryAfterMs } from './response.ts';

export interface ExchangeOptions {
  readonly pool: OriginPool;
  readonly request: Dispatcher.DispatchOptions;
  /** Of the whole attempt. */
  readonly timeoutMs: number;
  readonly profile: AnswerRule;
  readonly clock: Clock;
  /** What of the attempt was before this exchange; `null`: nothing. */
  readonly before: Before | null;
}

/** What of a profile an exchange needs. */
export type AnswerRule = Pick<Profile, 'success' | 'retried'>;

export interface Before {
  /** When the attempt began; monotonic. */
  readonly startedMs: number;
  /** Of the connection that an exchange before this one opened. */
  readonly opening: Opening | null;
}

type Opening = Pick<Timings, 'dnsMs' | 'connectMs' | 'tlsMs'>;

/** A body that drips in byte by byte is put together now and then: a buffer costs far more than its byte. */
const MAX_CHUNKS = 64;
const GONE = 410;

type ResponseHeaders = Record<string, string | string[] | undefined>;

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #startedMs: number;
  #deadline: Timer | null = null;
  #resolve: (outcome: Outcome) => void = () => {};
  #settled = false;
  /** While the message or its answer is on it. */
  #connection: Connection | null = null;
  /** Of the connection, where this attempt opened it. */
  #opening: Opening | null;
  #answerBegan = false;
  #answerEnded = false;
  #firstByteMs: number | null = null;
  #status = 0;
  #headers: ResponseHeaders = {};
  #chunks: Buffer[] = [];
  #received = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#startedMs = options.before?.startedMs ?? options.clock.monotonicMs();
    this.#opening = options.before?.opening ?? null;
  }

  run(): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const { clock, timeoutMs, before } = this.#options;
      const leftMs = before === null ? timeoutMs : timeoutMs - this.#elapsedMs();
      this.#deadline = clock.schedule(Math.max(0, leftMs), () => this.#timeOut());
      this.#dispatch(this.#options.pool.take());
    });
  }

  // ── What undici reports ────────────────────────────────────────────────────────────────────────────────────────

  onRequestStart(): void {
    if (this.#connection?.isReused === false) this.#opening = this.#connection.opening;
  }

  onResponseStarted(): void {
    this.#answerBegan = true;
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
    if (this.#answerEnded) return;
    const room = MAX_BODY_BYTES - this.#received;
    if (this.#chunks.length === MAX_CHUNKS) this.#chunks = [Buffer.concat(this.#chunks)];
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#received += Math.min(chunk.length, room);
    if (chunk.length <= room) return;
    this.#dropConnection();
    this.#answered(true);
  }

  onResponseEnd(): void {
    if (!isLast(this.#headers)) this.#connection?.rest();
    // It may soon be another attempt's.
    this.#connection = null;
    this.#answered(false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled || this.#answerEnded) return;
    const wasReused = this.#connection?.isReused === true;
    const cause = this.#connection?.explained(error, this.#answerBegan) ?? error;
    this.#dropConnection();
    // A kept connection may have been closed by the receiver in the moment of its reuse. The message is safe to send
    // twice (same id), so this costs a new connection, not an attempt.
    if (wasReused && !this.#answerBegan && isLostConnection(error)) {
      this.#dispatch(this.#options.pool.takeNew());
      return;
    }
    this.#fail(failureOf(cause, this.#firstByteMs !== null));
  }

  // ── What follows from it ───────────────────────────────────────────────────────────────────────────────────────

  #dispatch(connection: Connection): void {
    this.#connection = connection;
    connection.dispatch(this.#options.request, this);
  }

  #dropConnection(): void {
    void this.#connection?.destroy();
    this.#connection = null;
  }

  #timeOut(): void {
    this.#fail({
      reason: 'timeout',
      detail: `No complete answer within ${this.#options.timeoutMs / 1000} s.`,
    });
    // Nothing is sent any more either, if the connection is still being opened.
    this.#dropConnection();
  }

  #answered(truncated: boolean): void {
    if (this.#answerEnded) return;
    this.#answerEnded = true;
    const encoding = this.#headers['content-encoding'];
    if (encoding === undefined) {
      this.#conclude(Buffer.concat(this.#chunks), truncated);
      return;
    }
    // The deadline goes on for the little that decompressing takes.
    void bodyOf(this.#chunks, String(encoding)).then(({ body, isCut }) =>
      this.#conclude(body, truncated || isCut),
    );
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
      this.#settle({ kind: 'delivered', ...this.#wish(), timings, response });
      return;
    }
    const askedMs = retryAfterMs(this.#headers['retry-after'], clock.nowMs());
    this.#settle({
      kind: 'failed',
      reason: 'http_status',
      detail: `The receiver answered with status ${this.#status}.`,
      retryable: retriesStatus(profile, this.#status),
      ...this.#wish(),
      ...(askedMs === null ? {} : { retryAfterMs: askedMs }),
      timings,
      response,
    });
  }

  #wish(): { wish?: ReceiverWish } {
    if (this.#status === GONE) return { wish: 'gone' };
    const asked = this.#headers['webhook-delivery'];
    return asked === undefined || !isDisable(asked) ? {} : { wish: 'disable' };
  }

  #fail({ reason, detail }: Failure): void {
    const retryable = retriesReason(this.#options.profile, reason);
    this.#settle({
      kind: 'failed',
      reason,
      detail,
      retryable,
      timings: this.#timings(),
      response: null,
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
      dnsMs: this.#opening?.dnsMs ?? null,
      connectMs: this.#opening?.connectMs ?? null,
      tlsMs: this.#opening?.tlsMs ?? null,
      firstByteMs: this.#firstByteMs,
      totalMs: this.#elapsedMs(),
    };
  }
}

function isDisable(asked: string | string[]): boolean {
  return String(asked).trim().toLowerCase() === 'disable';
}

/** Whether the receiver said that it closes the connection after this answer. */
function isLast({ connection }: ResponseHeaders): boolean {
  return connection !== undefined && String(connection).toLowerCase().includes('close');
}
