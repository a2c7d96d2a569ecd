/**
 * Whether the database says anything. While somebody waits for it and no answer has come to anybody for a moment, it is asked
 * for nothing in particular, by a way that nothing else holds up: so one that is slow is told from one that is silent. Where
 * not even that is answered, whoever waits is told how long that has lasted.
 *
 * Time is counted in looks of this process: one that was frozen, or whose thread was held up, first reads what has come
 * meanwhile, and has missed one look and not all of that time.
 */
import type { Clock } from '../../domain/clock.ts';

/** After so long it counts as away (docs/decisions/045-a-silent-database.md). */
export const AWAY_AFTER_MS = 900;
const LOOK_EVERY_MS = 100;
/** A thread that was held up learns first that it is late: what has come meanwhile is read before that counts. */
const READ_FIRST_MS = 1;
/** After so many looks without an answer the database is asked; and then every so many. */
const FIRST_ASKED = 2;
const ASKED_EVERY = 10;

export interface Silence {
  /** No answer has come to anybody for so long, not even to what was asked only to see. */
  readonly databaseMs: number;
  /** None has come to what this watch is for. */
  readonly ownMs: number;
}

/** Nothing came for too long, and it is not waited for any more. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';

  constructor() {
    super('the database does not answer');
  }
}

export class Pulse {
  readonly #ask: () => Promise<unknown>;
  readonly #clock: Clock;
  readonly #watches = new Set<Watch>();
  #looks = 0;
  #isLooking = false;

  /** `ask`: resolves with an answer of the database. */
  constructor(ask: () => Promise<unknown>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** For how long it has said nothing to those who wait for it. */
  get silentMs(): number {
    return this.#looks * LOOK_EVERY_MS;
  }

  /** Tells of the silence, again and again while there is one. */
  watch(onSilence: (silence: Silence) => void): Watch {
    const watch = new Watch(this, onSilence);
    this.#watches.add(watch);
    if (!this.#isLooking) this.#schedule();
    return watch;
  }

  /** What the work gives. Rejects with `SilenceError` where the database has been silent for so long; the work goes on. */
  async unlessSilent<Result>(maxMs: number, work: Promise<Result>): Promise<Result> {
    const { promise, reject } = Promise.withResolvers<never>();
    const watch = this.watch(({ databaseMs }) => {
      if (databaseMs >= maxMs) reject(new SilenceError());
    });
    try {
      return await Promise.race([work, promise]);
    } finally {
      watch.end();
    }
  }

  heard(): void {
    this.#looks = 0;
  }

  ended(watch: Watch): void {
    this.#watches.delete(watch);
  }

  #schedule(): void {
    this.#isLooking = true;
    this.#clock.schedule(LOOK_EVERY_MS, () => {
      this.#clock.schedule(READ_FIRST_MS, () => this.#look());
    });
  }

  #look(): void {
    if (this.#watches.size === 0) {
      this.#isLooking = false;
      this.#looks = 0;
      return;
    }
    this.#schedule();
    this.#looks++;
    if (this.#looks % ASKED_EVERY === FIRST_ASKED) {
      this.#ask().then(
        () => this.heard(),
        () => undefined,
      );
    }
    for (const watch of this.#watches) watch.looked(this.silentMs, LOOK_EVERY_MS);
  }
}

export class Watch {
  readonly #pulse: Pulse;
  readonly #onSilence: (silence: Silence) => void;
  #ownMs = 0;

  constructor(pulse: Pulse, onSilence: (silence: Silence) => void) {
    this.#pulse = pulse;
    this.#onSilence = onSilence;
  }

  /** An answer has come. */
  heard(): void {
    this.#ownMs = 0;
    this.#pulse.heard();
  }

  looked(databaseMs: number, sinceMs: number): void {
    this.#ownMs += sinceMs;
    this.#onSilence({ databaseMs, ownMs: this.#ownMs });
  }

  end(): void {
    this.#pulse.ended(this);
  }
}
