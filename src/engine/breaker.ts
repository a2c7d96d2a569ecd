/**
 * The circuit breaker of a destination. After failures in a row that say that the receiver is down it opens: deliveries
 * wait, which costs neither attempts nor sockets. Then one at a time is let through as a probe, at longer and longer
 * intervals; the first that is answered closes it, and the backlog resumes with the concurrency of
 * one that begins (adaptive-concurrency.ts), which grows from there. Also where refused connections had opened it, which
 * say nothing of how much the receiver bears.
 */
import type { FailureReason, Outcome } from '../domain/attempt.ts';
import { WHEN_ONE_ENDS } from './lane-policy.ts';
import type { LanePolicy } from './lane-policy.ts';

/** In a row. A single delivery never has so many without minutes between them: its schedule is not disturbed. */
const FAILURES_TO_OPEN = 20;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** Where nobody answered. A refusal (4xx) comes from a receiver that works. */
const DOWN: ReadonlySet<FailureReason> = new Set(['timeout', 'dns', 'connection', 'tls']);

export class Breaker implements LanePolicy {
  #failures = 0;
  #pauseMs = FIRST_PAUSE_MS;
  /** `null`: closed. */
  #openUntilMs: number | null = null;
  /** That is so long after it opened. */
  #openForMs = 0;
  #isProbing = false;
  #underWay = 0;
  /** Of those, the ones that had begun when it opened: there is no probe before they have ended. */
  #stale = 0;

  get isOpen(): boolean {
    return this.#openUntilMs !== null;
  }

  /** Until when it is open; `null`: it is closed, or only waits for its probe. */
  openUntilMs(nowMs: number): number | null {
    if (this.#openUntilMs === null) return null;
    // The clock may have been set back.
    this.#openUntilMs = Math.min(this.#openUntilMs, nowMs + this.#openForMs);
    return this.#openUntilMs > nowMs ? this.#openUntilMs : null;
  }

  mayStartAtMs(_inFlight: number, nowMs: number): number {
    if (this.#openUntilMs === null) return nowMs;
    if (this.#isProbing || this.#stale > 0) return WHEN_ONE_ENDS;
    return this.openUntilMs(nowMs) ?? nowMs;
  }

  attemptStarted(): void {
    this.#underWay++;
    if (this.#openUntilMs !== null) this.#isProbing = true;
  }

  attemptEnded(outcome: Outcome, nowMs: number): void {
    this.#underWay--;
    if (outcome.kind === 'delivered' || !isDown(outcome)) {
      this.#failures = 0;
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#openUntilMs = null;
      this.#isProbing = false;
      this.#stale = 0;
      return;
    }
    this.#failures++;
    // Those that were under way when it opened say nothing new.
    if (this.#openUntilMs !== null && !this.#isProbing) {
      this.#stale--;
      return;
    }
    if (this.#failures < FAILURES_TO_OPEN) return;
    this.#isProbing = false;
    this.#stale = this.#underWay;
    this.#openForMs = this.#pauseMs;
    this.#openUntilMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

function isDown({ reason, response }: Outcome & { kind: 'failed' }): boolean {
  return DOWN.has(reason) || (response !== null && response.status >= 500);
}
