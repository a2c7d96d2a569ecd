/**
 * A service does the same small thing again and again: `poll` does one batch and says how long to sleep. The loop, its
 * errors and its end are written once, here.
 */
import type { Clock, Timer } from '../domain/clock.ts';
import type { EngineLog } from './engine-log.ts';

export interface Service {
  readonly name: string;
  /** Resolves with the milliseconds until the next round; 0: at once, there is more to do. */
  poll(): Promise<number>;
}

const PAUSE_AFTER_FAILURE_MS = 1000;

export class ServiceRunner {
  readonly #service: Service;
  readonly #clock: Clock;
  readonly #log: Pick<EngineLog, 'serviceFailed'>;
  #timer: Timer | null = null;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Woken during a round: that one may have looked too early. */
  #isWoken = false;

  constructor(service: Service, clock: Clock, log: Pick<EngineLog, 'serviceFailed'>) {
    this.#service = service;
    this.#clock = clock;
    this.#log = log;
  }

  /** First round after `delayMs`. */
  start(delayMs: number): void {
    this.#sleep(delayMs);
  }

  /** There is something to do: does the next round now. */
  wake(): void {
    if (this.#timer === null) {
      this.#isWoken = true;
      return;
    }
    this.#timer.cancel();
    this.#sleep(0);
  }

  /** Resolves when the round under way has ended; no other follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#round;
  }

  #sleep(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#timer = null;
      this.#round = this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isWoken = false;
    try {
      const pauseMs = await this.#service.poll();
      this.#sleep(this.#isWoken ? 0 : pauseMs);
    } catch (error) {
      this.#log.serviceFailed(this.#service.name, error);
      this.#sleep(PAUSE_AFTER_FAILURE_MS);
    }
  }
}
