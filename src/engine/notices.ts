/**
 * Who is told of notices: operator events, mails. Each listener takes them one after the other, and one that cannot take
 * one now is asked again, later and later; what is told in vain for long is given up, and said in the log.
 */
import type { Clock, Timer } from '../domain/clock.ts';
import type { Notice } from '../domain/notice.ts';
import { OPERATOR_TENANT } from '../domain/operator-tenant.ts';
import type { EngineLog } from './engine-log.ts';

/** Resolves when it is safe; taking the same notice twice has to do no harm. */
export type NoticeListener = (notice: Notice) => Promise<void>;

/** Of one listener, in memory. */
const MAX_WAITING = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class Notices {
  readonly #clock: Clock;
  readonly #log: EngineLog;
  readonly #queues: Queue[] = [];

  constructor(clock: Clock, log: EngineLog) {
    this.#clock = clock;
    this.#log = log;
  }

  listen(listener: NoticeListener): void {
    this.#queues.push(new Queue(listener, this.#clock, this.#log));
  }

  /** Of the operator's own destinations nothing is told: that would never end. */
  tell(notice: Notice): void {
    if (notice.tenantId === OPERATOR_TENANT) return;
    for (const queue of this.#queues) queue.add(notice);
  }

  /** Resolves when what was told was taken, or cannot be taken just now. */
  async drained(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.drained()));
  }
}

class Queue {
  readonly #listener: NoticeListener;
  readonly #clock: Clock;
  readonly #log: EngineLog;
  #waiting: Notice[] = [];
  #pauseMs = 0;
  #timer: Timer | null = null;
  #isWorking = false;
  #work: Promise<void> = Promise.resolve();

  constructor(listener: NoticeListener, clock: Clock, log: EngineLog) {
    this.#listener = listener;
    this.#clock = clock;
    this.#log = log;
  }

  add(notice: Notice): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#log.noticeDropped(notice.topic, notice.tenantId, notice.destinationId);
      return;
    }
    this.#waiting.push(notice);
    if (this.#timer === null) this.#begin();
  }

  async drained(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#begin();
    await this.#work;
  }

  #begin(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#work = this.#takeAll();
  }

  async #takeAll(): Promise<void> {
    for (let notice = this.#waiting[0]; notice !== undefined; notice = this.#waiting[0]) {
      try {
        await this.#listener(notice);
      } catch (error) {
        this.#log.noticeFailed(notice.topic, error);
        this.#pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2), LONGEST_PAUSE_MS);
        this.#timer = this.#clock.schedule(this.#pauseMs, () => {
          this.#timer = null;
          this.#begin();
        });
        break;
      }
      this.#pauseMs = 0;
      this.#waiting.shift();
    }
    this.#isWorking = false;
  }
}
