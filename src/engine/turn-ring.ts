/**
 * Who is next, as in `FairRing`, but not more than a few in each turn of the event loop. However much there is to send, an
 * answer, a publish or another tenant's delivery that comes meanwhile waits for the rest of a short turn; and of a receiver
 * that answers at once no more is under way than it needs.
 */
import type { Clock } from '../domain/clock.ts';
import { FairRing } from './fair-ring.ts';

/** Less than a millisecond of work, with all that comes before and after an attempt. */
const MEMBERS_A_TURN = 16;

export class TurnRing<Member> {
  readonly #ring = new FairRing<Member>();
  readonly #clock: Clock;
  readonly #onTurn: () => void;
  #left = MEMBERS_A_TURN;
  #isCounting = false;

  /** `onTurn`: a new turn has begun, and in the last one there was more to take. */
  constructor(clock: Clock, onTurn: () => void) {
    this.#clock = clock;
    this.#onTurn = onTurn;
  }

  add(groupName: string, member: Member): void {
    this.#ring.add(groupName, member);
  }

  /** Takes the next one out, if there is one, and it may go in this turn. */
  take(): Member | undefined {
    if (this.#left === 0) return undefined;
    const member = this.#ring.take();
    if (member === undefined) return undefined;
    this.#left--;
    if (!this.#isCounting) {
      this.#isCounting = true;
      this.#clock.soon(() => this.#turn());
    }
    return member;
  }

  forget(groupName: string): void {
    this.#ring.forget(groupName);
  }

  #turn(): void {
    const wasSpent = this.#left === 0;
    this.#isCounting = false;
    this.#left = MEMBERS_A_TURN;
    if (wasSpent) this.#onTurn();
  }
}
