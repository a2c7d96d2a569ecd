/**
 * What a lane knows of the retries that wait in the storage, while its rate counts first attempts alone. Then they may go
 * where those have to wait, and must not stand in line behind them: they are looked for by the time at which they come due.
 */

/** What is asked for by hand, or by another node, came due a moment before it is told. */
const TOLD_LATE_MS = 1000;

export class RetryLook {
  #isOn = false;
  /** When to look; 0: nobody has looked yet. */
  #dueAtMs = Infinity;
  /** None that came due before has to be looked for. */
  #fromMs = Infinity;
  /** Of the look that is under way. */
  #lookingFromMs: number | null = null;
  /** What looks have brought into memory came due from then on. */
  #takenFromMs = Infinity;

  switch(isOn: boolean): void {
    if (isOn && !this.#isOn) this.forget();
    this.#isOn = isOn;
  }

  /** When to look; `Infinity`: there is nothing to look for. */
  get dueAtMs(): number {
    return this.#isOn ? this.#dueAtMs : Infinity;
  }

  /** One comes due then. `false`: there is no need to look any earlier. */
  note(atMs: number): boolean {
    if (!this.#isOn) return false;
    const isNews = atMs < this.#dueAtMs;
    this.#lookAt(atMs, atMs - TOLD_LATE_MS);
    return isNews;
  }

  /** Whatever was known may be otherwise by now. */
  forget(): void {
    this.#lookAt(0, 0);
  }

  /** One of those in memory went back. */
  handedBack(): void {
    this.#lookAt(this.#takenFromMs, this.#takenFromMs);
  }

  /** Gives the time from which on to look; `inMemory`: how many retries are there already. */
  begin(inMemory: number): number {
    const fromMs = this.#fromMs;
    this.#takenFromMs = inMemory === 0 ? fromMs : Math.min(this.#takenFromMs, fromMs);
    this.#lookingFromMs = fromMs;
    this.#dueAtMs = this.#fromMs = Infinity;
    return fromMs;
  }

  /** The look is over: when, and from when on, to look again. `false`: there was none. */
  end(nextDueAtMs: number | null): boolean {
    if (this.#lookingFromMs === null) return false;
    this.#lookingFromMs = null;
    // What was noted meanwhile may have come too late for it.
    this.#lookAt(nextDueAtMs ?? Infinity, nextDueAtMs ?? Infinity);
    return true;
  }

  failed(): void {
    this.end(this.#lookingFromMs);
  }

  #lookAt(atMs: number, fromMs: number): void {
    this.#dueAtMs = Math.min(this.#dueAtMs, atMs);
    this.#fromMs = Math.min(this.#fromMs, fromMs);
  }
}
