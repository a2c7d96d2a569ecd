/**
 * Who is told of notices: operator events, mails. Each listener takes them in their order, some at a time, and one that
 * cannot take them now is asked again, later and later; what there is no room for meanwhile is given up, and said in the
 * log.
 */
import type { Clock, Timer } from '../domain/clock.ts';
import type { Notice } from '../domain/notice.ts';
import { OPERATOR_TENANT } from '../domain/operator-tenant.ts';
import type { EngineLog } from './engine-log.ts';

/** Resolves when it is safe; taking the same notice twice has to do no harm. */
export type NoticeListener = (notice: Notice) => Promise<void>;

/** Of one listener, in memory. */
const MAX_WAITING = 10_000;
/** Begun at the same time. */
const MAX_AT_ONCE = 100;
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

  /** Resolves when what was told until now is safe; `false`: it cannot be taken just now. */
  async taken(): Promise<boolean> {
    const all = await Promise.all(this.#queues.map((queue) => queue.taken()));
    return all.every((isTaken) => isTaken);
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
  /** Counted from the start. */
  #told = 0;
  #taken = 0;
  #watchers: { readonly upTo: number; readonly settle: (isTaken: boolean) => void }[] = [];
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
    this.#told++;
    if (this.#timer === null) this.#begin();
  }

  taken(): Promise<boolean> {
    if (this.#taken === this.#told) return Promise.resolve(true);
    if (this.#timer !== null) return Promise.resolve(false);
    return new Promise((settle) => {
      this.#watchers.push({ upTo: this.#told, settle });
    });
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
    for (;;) {
      const [first, ...others] = this.#waiting.slice(0, MAX_AT_ONCE);
      if (first === undefined) break;
      const notices = [first, ...others];
      const results = await Promise.allSettled(notices.map((notice) => this.#listener(notice)));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) {
        this.#log.noticeFailed(first.topic, failed.reason);
        this.#pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2), LONGEST_PAUSE_MS);
        this.#timer = this.#clock.schedule(this.#pauseMs, () => {
          this.#timer = null;
          this.#begin();
        });
        this.#settle(Infinity, false);
        break;
      }
      this.#pauseMs = 0;
      this.#waiting.splice(0, notices.length);
      this.#taken += notices.length;
      this.#settle(this.#taken, true);
    }
    this.#isWorking = false;
  }

  #settle(upTo: number, isTaken: boolean): void {
    if (this.#watchers.length === 0) return;
    const settled = this.#watchers.filter((watcher) => watcher.upTo <= upTo);
    this.#watchers = this.#watchers.filter((watcher) => watcher.upTo > upTo);
    for (const { settle } of settled) settle(isTaken);
  }
}
