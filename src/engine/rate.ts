/**
 * A destination's rate: so many attempts a minute at most, smoothly; which of them count, its lane says.
 *
 * The generic cell rate algorithm (ITU-T I.371): each attempt moves the theoretical arrival time on by one interval, and
 * the next may start as soon as that time is no further ahead than the burst allows. With n a minute the burst is
 * b = n/60 rounded down, at least 1, and the interval a minute over n - b (over n where b is 1), so that no window of a
 * minute holds more than n. The interval is a hundredth longer than that, for what the network does to the spacing.
 */
import type { LanePolicy } from './lane-policy.ts';

const MINUTE_MS = 60_000;
const SPACING_MARGIN = 1.01;

export class Rate implements LanePolicy {
  #perMinute: number | null = null;
  #intervalMs = 0;
  #toleranceMs = 0;
  #arrivalAtMs = -Infinity;

  constructor(perMinute: number | null) {
    this.setPerMinute(perMinute);
  }

  /** `null`: no limit. What was sent before counts on. */
  setPerMinute(perMinute: number | null): void {
    this.#perMinute = perMinute;
    if (perMinute === null) return;
    const burst = Math.max(1, Math.floor(perMinute / 60));
    const spaced = burst === 1 ? perMinute : perMinute - burst;
    this.#intervalMs = (MINUTE_MS / spaced) * SPACING_MARGIN;
    this.#toleranceMs = (burst - 1) * this.#intervalMs;
  }

  mayStartAtMs(_inFlight: number, nowMs: number): number {
    if (this.#perMinute === null) return nowMs;
    // The clock was set back: what is further ahead than a whole burst was never earned by waiting.
    const furthestMs = nowMs + this.#toleranceMs + this.#intervalMs;
    this.#arrivalAtMs = Math.min(this.#arrivalAtMs, furthestMs);
    return Math.max(nowMs, Math.ceil(this.#arrivalAtMs - this.#toleranceMs));
  }

  attemptStarted(nowMs: number): void {
    if (this.#perMinute === null) return;
    this.#arrivalAtMs = Math.max(this.#arrivalAtMs, nowMs) + this.#intervalMs;
  }

  attemptEnded(): void {}

  /** How many may start within such a time, at least 1. */
  within(timeMs: number): number {
    return this.#perMinute === null ? Infinity : Math.ceil(timeMs / this.#intervalMs);
  }
}
