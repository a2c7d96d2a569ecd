/** How much of its time something is at work, over about the last tenth of a second. */
import type { Clock } from '../../domain/clock.ts';

const WINDOW_MS = 100;

export class BusyShare {
  readonly #clock: Clock;
  #startMs: number;
  #busyMs = 0;
  /** `null`: it is not at work. */
  #sinceMs: number | null = null;
  #share = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  begin(): void {
    this.#sinceMs = this.#clock.monotonicMs();
  }

  end(): void {
    this.#count(this.#clock.monotonicMs());
    this.#sinceMs = null;
  }

  /** 0 to 1. */
  get share(): number {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#startMs;
    if (elapsedMs < WINDOW_MS) return this.#share;
    this.#count(nowMs);
    this.#share = this.#busyMs / elapsedMs;
    this.#startMs = nowMs;
    this.#busyMs = 0;
    return this.#share;
  }

  #count(nowMs: number): void {
    if (this.#sinceMs === null) return;
    this.#busyMs += nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
  }
}
