/**
 * Who publishes more than is stored at once lets the others go first. Where this process is busy, what such a crowding
 * tenant publishes goes on as fast as leaves the thread free for a good part of its time, for as long as somebody
 * publishes who does not crowd; not slower than all of those publish together. Alone, or among such as himself, he has
 * all of the thread's time (docs/decisions/042).
 */

/** So many of a tenant wait for their commit: he crowds. */
const CROWD = 64;
/** And is taken to do so for this long, and for as long after one of his had to wait. */
const CROWDING_MS = 1000;
/** The others are there if one of them published so short a while ago. */
const PRESENT_MS = 500;

/** Of the thread's time, what is used while some let others go first. */
const UTILIZATION = 0.5;
const ADJUST_MS = 50;
const FIRST_PER_MS = 0.5;
const MIN_PER_MS = 0.2;
const MAX_PER_MS = 100;
const MOST_SLOWER = 0.5;
const MOST_FASTER = 1.25;
/** Not more at once, however long nothing went. */
const BURST_MS = 5;

/** One who published and did not crowd. */
interface Other {
  tenantId: string;
  /** When he published last; on the monotonic clock, as all times here. */
  atMs: number;
}

const nobody = (): Other => ({ tenantId: '', atMs: -Infinity });

export class Courtesy {
  readonly #utilization: () => number;
  readonly #crowdingUntilMs = new Map<string, number>();
  /** The last two: when one of them begins to crowd, the other one is left. */
  #last = nobody();
  #before = nobody();
  /** What such published since the last adjustment. */
  #published = 0;
  #perMs = FIRST_PER_MS;
  #allowed = 0;
  #refilledAtMs = -Infinity;
  #adjustedAtMs = -Infinity;

  constructor(utilization: () => number) {
    this.#utilization = utilization;
  }

  /** The tenant publishes, with so many waiting for their commit before. */
  published(tenantId: string, waiting: number, nowMs: number): void {
    if (waiting >= CROWD) {
      this.#crowdingUntilMs.set(tenantId, nowMs + CROWDING_MS);
      if (this.#last.tenantId === tenantId) this.#last = nobody();
      if (this.#before.tenantId === tenantId) this.#before = nobody();
    } else if (!this.#isCrowding(tenantId, nowMs)) this.#isPresent(tenantId, nowMs);
  }

  /** Whether what the tenant published is to wait. Each `false` may be the last for a while. */
  mustWait(tenantId: string, nowMs: number): boolean {
    if (!this.#isCrowding(tenantId, nowMs)) return false;
    if (nowMs - Math.max(this.#last.atMs, this.#before.atMs) >= PRESENT_MS) return false;
    this.#adjust(nowMs);
    if (this.#allowed >= 1) {
      this.#allowed--;
      return false;
    }
    // He publishes nothing more, perhaps, until what waits has gone: it shall not go all at once.
    this.#crowdingUntilMs.set(tenantId, nowMs + CROWDING_MS);
    return true;
  }

  #isPresent(tenantId: string, nowMs: number): void {
    this.#published++;
    if (this.#last.tenantId !== tenantId) {
      const other = this.#before;
      this.#before = this.#last;
      this.#last = other;
      other.tenantId = tenantId;
    }
    this.#last.atMs = nowMs;
  }

  #isCrowding(tenantId: string, nowMs: number): boolean {
    if (this.#crowdingUntilMs.size === 0) return false;
    const untilMs = this.#crowdingUntilMs.get(tenantId);
    if (untilMs === undefined) return false;
    if (untilMs > nowMs) return true;
    this.#crowdingUntilMs.delete(tenantId);
    return false;
  }

  #adjust(nowMs: number): void {
    const sinceMs = nowMs - this.#adjustedAtMs;
    if (sinceMs >= ADJUST_MS) {
      this.#adjustedAtMs = nowMs;
      const leastPerMs = Math.max(MIN_PER_MS, this.#published / sinceMs);
      this.#published = 0;
      const change = UTILIZATION / Math.max(this.#utilization(), 0.01);
      const perMs = this.#perMs * clamp(change, MOST_SLOWER, MOST_FASTER);
      this.#perMs = clamp(perMs, leastPerMs, MAX_PER_MS);
    }
    const elapsedMs = clamp(nowMs - this.#refilledAtMs, 0, BURST_MS);
    this.#refilledAtMs = nowMs;
    this.#allowed = Math.min(this.#allowed + elapsedMs * this.#perMs, BURST_MS * this.#perMs);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
