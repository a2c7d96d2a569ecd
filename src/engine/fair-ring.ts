/**
 * Who is next: of groups (tenants) the one that had the fewest turns, and within a group its members (lanes) in a round.
 * So a tenant with a thousand busy lanes gets no more turns than one with a single lane, and who has little to send, or
 * something again, goes before who always has more. Nobody is ahead by more than a few turns, however long he had nothing
 * (start-time fair queuing: Goyal, Vin and Cheng 1996, with a bounded lead; docs/decisions/048).
 */
import { Heap } from '../domain/heap.ts';
import { RingQueue } from '../domain/ring-queue.ts';

/** Of one who had nothing, before all others. */
const LEAD_TURNS = 64;

interface Group<Member> {
  readonly members: RingQueue<Member>;
  isQueued: boolean;
  /** That it had by now, or would have had. */
  turns: number;
  /** Of those with as many, the one that has waited longest is next. */
  queuedAs: number;
}

export class FairRing<Member> {
  readonly #groups = new Map<string, Group<Member>>();
  /** Those that have something. */
  readonly #queue = new Heap<Group<Member>>(byTurns);
  /** Of the one that was taken last. */
  #turns = 0;
  #queued = 0;

  /** Puts the member at the end of its group; the caller adds none twice. */
  add(groupName: string, member: Member): void {
    let group = this.#groups.get(groupName);
    if (group === undefined) {
      group = { members: new RingQueue(), isQueued: false, turns: 0, queuedAs: 0 };
      this.#groups.set(groupName, group);
    }
    group.members.push(member);
    if (!group.isQueued) this.#enqueue(group);
  }

  /** Takes the next one out. */
  take(): Member | undefined {
    const group = this.#queue.pop();
    if (group === undefined) return undefined;
    group.isQueued = false;
    const member = group.members.shift();
    this.#turns = group.turns++;
    if (group.members.size > 0) this.#enqueue(group);
    return member;
  }

  /** The group is gone for good; what it still has is served. */
  forget(groupName: string): void {
    this.#groups.delete(groupName);
  }

  #enqueue(group: Group<Member>): void {
    group.isQueued = true;
    group.turns = Math.max(group.turns, this.#turns - LEAD_TURNS);
    group.queuedAs = this.#queued++;
    this.#queue.push(group);
  }
}

function byTurns(one: Group<unknown>, other: Group<unknown>): number {
  return one.turns - other.turns || one.queuedAs - other.queuedAs;
}
