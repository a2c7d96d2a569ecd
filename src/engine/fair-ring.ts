/**
 * Who is next: round robin over groups (tenants), and within a group over its members (lanes), so that a tenant with a
 * thousand busy lanes gets no more turns than one with a single lane.
 */
import { RingQueue } from '../domain/ring-queue.ts';

interface Group<Member> {
  readonly members: RingQueue<Member>;
  queued: boolean;
}

export class FairRing<Member> {
  readonly #groups = new Map<string, Group<Member>>();
  readonly #turns = new RingQueue<Group<Member>>();

  /** Puts the member at the end of its group; the caller adds none twice. */
  add(groupName: string, member: Member): void {
    let group = this.#groups.get(groupName);
    if (group === undefined) {
      group = { members: new RingQueue(), queued: false };
      this.#groups.set(groupName, group);
    }
    group.members.push(member);
    this.#enqueue(group);
  }

  /** Takes the next one out. */
  take(): Member | undefined {
    const group = this.#turns.shift();
    if (group === undefined) return undefined;
    group.queued = false;
    const member = group.members.shift();
    if (group.members.size > 0) this.#enqueue(group);
    return member;
  }

  /** The group is gone for good; what it still has is served. */
  forget(groupName: string): void {
    this.#groups.delete(groupName);
  }

  #enqueue(group: Group<Member>): void {
    if (group.queued) return;
    group.queued = true;
    this.#turns.push(group);
  }
}
