/**
 * Brings what waits in one outbox into the event store: reads the first events, publishes them, and takes those out that
 * are stored. A crash between the last two repeats the publish, which by the event's id changes nothing: each event is
 * stored exactly once, in the order of the outbox.
 */
import type { Clock } from '../domain/clock.ts';
import type {
  OutboxMeasures,
  OutboxPlace,
  OutboxVerdict,
  PublishFromOutbox,
} from '../domain/outbox.ts';
import type { Service } from '../engine/service.ts';
import { reasonOf } from './connection.ts';
import { eventBody } from './event-body.ts';
import { Floor } from './floor.ts';
import { Lag } from './lag.ts';
import type { OutboxDatabase, Read, Refusal, WaitingEvent } from './outbox-database.ts';

export interface OutboxLog {
  /** An outbox cannot be read or written; tried again. Once until it can. */
  outboxAway(name: string, reason: string): void;
  /** It can again. */
  outboxBack(name: string): void;
  /** Events were refused, and are in `angarium_outbox_failed`. `first`: the reason of the first. */
  outboxRefused(name: string, count: number, first: string): void;
}

export interface RelayParts {
  readonly place: OutboxPlace;
  readonly database: OutboxDatabase;
  readonly publish: PublishFromOutbox;
  readonly clock: Clock;
  readonly log: OutboxLog;
  /** Different in each process and each start. */
  readonly id: string;
  /** Of the tables that it understands. */
  readonly version: number;
  /** Of the data of one event; what is larger is refused unread. */
  readonly maxPayloadBytes: number;
  /** Called after each look: whether commits notify. */
  readonly onLook: (notifies: boolean) => void;
}

const MAX_EVENTS = 500;
const MAX_BYTES = 8 * 1024 * 1024;
/** Metadata and resource, beside the data. */
const ENVELOPE_BYTES = 512 * 1024;
const IDLE_MS = 500;
/** While events come, several are gathered for one round. */
const GATHER_MS = 20;
/** Another relay is at work. */
const STAND_BY_MS = 1000;
const RENEW_LEASE_MS = 2000;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 10_000;
/** Rounds in which something unexpected kept an event; then it is refused, so that it does not keep the others. */
const MAX_BROKEN_ROUNDS = 5;

type Judged = readonly [event: WaitingEvent, verdict: OutboxVerdict];

export class Relay implements Service {
  readonly name: string;
  readonly #parts: RelayParts;
  readonly #lag: Lag;
  readonly #floor: Floor;
  /** Tenants that may not publish for now, until a time of the monotonic clock. */
  readonly #heldUntilMs = new Map<string, number>();
  #leasedAtMs = -Infinity;
  /** Rounds one after the other in which the application's database failed. */
  #awayRounds = 0;
  /** Rounds one after the other in which the event store left something behind. */
  #keptRounds = 0;
  #brokenRounds = 0;
  #isUp = false;
  #isAwaySaid = false;
  #isStopping = false;
  #published = 0;
  #duplicates = 0;
  #refused = 0;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.name = `outbox ${parts.place.name}`;
    this.#lag = new Lag(parts.clock);
    this.#floor = new Floor(parts.clock);
  }

  async poll(): Promise<number> {
    const { place, version } = this.#parts;
    try {
      const found = await this.#look();
      if (found.version !== version)
        return this.#away(versionProblem(place, found.version, version));
      const nextMs = await this.#work(found);
      this.#back();
      return nextMs;
    } catch (error) {
      return this.#away(reasonOf(error, place.url));
    }
  }

  measures(): OutboxMeasures {
    return {
      name: this.#parts.place.name,
      isUp: this.#isUp,
      lagMs: this.#lag.ms,
      published: this.#published,
      duplicates: this.#duplicates,
      refused: this.#refused,
    };
  }

  /** What was read is not published any more; what is being published ends. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Leaves the work to others; what cannot be said to the database ends by itself. */
  async release(): Promise<void> {
    if (this.#leasedAtMs === -Infinity) return;
    await this.#parts.database.release(this.#parts.id).catch(() => {});
  }

  async #look(): Promise<Read> {
    const { database, clock, maxPayloadBytes } = this.#parts;
    const found = await database.read({
      above: this.#floor.position,
      maxEvents: MAX_EVENTS,
      maxBytes: MAX_BYTES,
      maxEventBytes: maxPayloadBytes + ENVELOPE_BYTES,
      without: this.#held(clock.monotonicMs()),
    });
    this.#lag.looked(found.oldestAgeMs);
    this.#floor.looked(found.seen);
    return found;
  }

  /** Gives how long to wait. Rejects where the application's database fails. */
  async #work(found: Read): Promise<number> {
    this.#parts.onLook(found.notifies);
    if (found.events.length === 0) return IDLE_MS;
    if (this.#isStopping || !(await this.#isLeased())) return STAND_BY_MS;
    return this.#relay(found);
  }

  async #relay({ events }: Read): Promise<number> {
    const judged = await this.#judge(events);
    const stored = judged.filter(([, verdict]) => verdict.kind === 'stored');
    const refusals = this.#refusals(judged);
    if (stored.length > 0) {
      const positions = stored.map(([{ position }]) => position);
      this.#floor.deleted(await this.#parts.database.remove(positions));
    }
    if (refusals.length > 0) await this.#refuse(refusals);
    for (const [, verdict] of stored) {
      if (verdict.kind === 'stored' && verdict.duplicate) this.#duplicates++;
      else this.#published++;
    }
    this.#hold(judged);
    if (stored.length + refusals.length === events.length) {
      this.#keptRounds = 0;
      return events.length < MAX_EVENTS ? GATHER_MS : 0;
    }
    const isKept = judged.some(([, { kind }]) => kind === 'unavailable' || kind === 'broken');
    return isKept ? pauseMs(this.#keptRounds++) : 0;
  }

  /** The verdict of each event, in order. What was too large to be read needs no asking. */
  async #judge(events: readonly WaitingEvent[]): Promise<Judged[]> {
    const bodies = events.flatMap((event) =>
      event.data === null ? [] : [eventBody(event, event.data)],
    );
    const verdicts = (await this.#parts.publish(bodies)).values();
    return events.map((event): Judged => {
      if (event.data === null) return [event, this.#tooLarge()];
      const verdict = verdicts.next().value;
      if (verdict === undefined) throw new Error('there are fewer verdicts than events');
      return [event, verdict];
    });
  }

  #tooLarge(): OutboxVerdict {
    const reason = `The event’s data are larger than ${this.#parts.maxPayloadBytes} bytes.`;
    return { kind: 'refused', code: 'payload_too_large', reason };
  }

  #refusals(judged: readonly Judged[]): Refusal[] {
    const isBroken = judged.some(([, { kind }]) => kind === 'broken');
    this.#brokenRounds = isBroken ? this.#brokenRounds + 1 : 0;
    const isGivenUp = this.#brokenRounds >= MAX_BROKEN_ROUNDS;
    return judged.flatMap(([{ position }, verdict]) => {
      const isRefused = verdict.kind === 'refused' || (verdict.kind === 'broken' && isGivenUp);
      return isRefused ? [{ position, code: verdict.code, reason: verdict.reason }] : [];
    });
  }

  async #refuse(refusals: readonly Refusal[]): Promise<void> {
    await this.#parts.database.refuse(refusals);
    this.#refused += refusals.length;
    const [first] = refusals;
    if (first === undefined) return;
    this.#parts.log.outboxRefused(
      this.#parts.place.name,
      refusals.length,
      `${first.code}: ${first.reason}`,
    );
  }

  #hold(judged: readonly Judged[]): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [{ tenantId }, verdict] of judged)
      if (verdict.kind === 'later') this.#heldUntilMs.set(tenantId, nowMs + verdict.waitMs);
  }

  #held(nowMs: number): string[] {
    for (const [tenantId, untilMs] of this.#heldUntilMs)
      if (untilMs <= nowMs) this.#heldUntilMs.delete(tenantId);
    return [...this.#heldUntilMs.keys()];
  }

  async #isLeased(): Promise<boolean> {
    const { clock, database, id } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#leasedAtMs < RENEW_LEASE_MS) return true;
    const isMine = await database.lease(id);
    this.#leasedAtMs = isMine ? nowMs : -Infinity;
    return isMine;
  }

  #back(): void {
    this.#isUp = true;
    this.#awayRounds = 0;
    if (this.#isAwaySaid) this.#parts.log.outboxBack(this.#parts.place.name);
    this.#isAwaySaid = false;
  }

  /** Gives how long to wait. */
  #away(reason: string): number {
    this.#isUp = false;
    this.#lag.lost();
    this.#floor.reset();
    if (!this.#isAwaySaid) this.#parts.log.outboxAway(this.#parts.place.name, reason);
    this.#isAwaySaid = true;
    return pauseMs(this.#awayRounds++);
  }
}

/** Twice as long after each round. */
function pauseMs(rounds: number): number {
  return Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(rounds, 10));
}

function versionProblem({ schema }: OutboxPlace, found: number, known: number): string {
  return found < known
    ? `the outbox in the schema ${schema} has version ${found}, and this Angarium needs ${known}: run its angarium outbox install`
    : `the outbox in the schema ${schema} has version ${found}, and this Angarium knows only ${known}: start the newer Angarium`;
}
