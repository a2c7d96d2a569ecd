/**
 * Decides what follows from an outcome, and writes both, in groups.
 *
 * While outcomes cannot be written no new attempt starts (`isBlocked`): those that are under way end, are kept here,
 * and are written when the storage is back. So what is in memory stays bounded, and nothing is sent whose outcome
 * would be forgotten.
 */
import type { Clock } from '../domain/clock.ts';
import { SCHEDULE_OVER } from '../domain/delivery.ts';
import { ingestedAtMs } from '../domain/event.ts';
import type { Random } from '../domain/id.ts';
import { RingQueue } from '../domain/ring-queue.ts';
import { nextAttemptAtMs } from '../domain/retry-schedule.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import type { AttemptRecord, RecordOutcome, Storage, Verdict } from '../storage/storage.ts';
import type { Attempt } from './deliver.ts';
import type { EngineLog } from './engine-log.ts';
import type { EngineMeasures } from './engine-measures.ts';
import { GroupCommit } from './group-commit.ts';
import type { Item } from './group-commit.ts';
import type { LiveDelivery } from './live-delivery.ts';
import type { Target } from './target.ts';

const MAX_GROUP_BYTES = 4 * 1024 * 1024;
/** Outcomes may wait a little: nobody waits for them but the next attempt. */
const GATHER_MS = 5;
const MAX_UNDER_WAY = 2;
/** More outcomes than this waiting to be written: sending is ahead of the disk, and waits. */
const MAX_WAITING = 5000;
/** So long what the storage refused is held. */
export const RECORD_RETRY_MS = 250;
/** An outcome that is refused so often, though the medium works, is given up. */
const MAX_REFUSALS = 5;

/** An outcome that is being written. */
class Pending implements Item<RecordOutcome> {
  readonly target: Target;
  readonly delivery: LiveDelivery;
  readonly attempt: Attempt;
  readonly record: AttemptRecord;
  refusals = 0;
  readonly #end: WriteEnd;

  constructor(
    target: Target,
    delivery: LiveDelivery,
    attempt: Attempt,
    record: AttemptRecord,
    end: WriteEnd,
  ) {
    this.target = target;
    this.delivery = delivery;
    this.attempt = attempt;
    this.record = record;
    this.#end = end;
  }

  get weightBytes(): number {
    return this.record.response?.body.length ?? 0;
  }

  written(outcome: RecordOutcome): void {
    this.#end.written(this, outcome);
  }

  refused(error: unknown): void {
    this.#end.refused(this, error);
  }
}

/** What came of writing it. */
interface WriteEnd {
  written(pending: Pending, outcome: RecordOutcome): void;
  refused(pending: Pending, error: unknown): void;
}

export interface Recorded {
  /** `null`: none is planned. */
  readonly nextAttemptAtMs: number | null;
  /** It is final, and keeps nothing behind it waiting. */
  readonly isDone: boolean;
}

/** An outcome that is safe, and what followed from it; `null`: nothing, the delivery was canceled meanwhile. */
type OutcomeListener = (
  target: Target,
  delivery: LiveDelivery,
  attempt: Attempt,
  verdict: Verdict | null,
) => void;

type RecordedListener = (delivery: LiveDelivery, target: Target, recorded: Recorded) => void;

export class Recorder {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: EngineLog;
  readonly #measures: EngineMeasures;
  readonly #group: GroupCommit<Pending, RecordOutcome>;
  readonly #writeEnd: WriteEnd = {
    written: (pending, outcome) => this.#written(pending, outcome),
    refused: (pending, error) => this.#refused(pending, error),
  };
  #onRecorded: RecordedListener = () => {};
  #onOutcome: OutcomeListener = () => {};
  #onResume: () => void = () => {};
  /** By the number of the event. */
  readonly #watchers = new Map<number, () => void>();
  #waiting = 0;
  #held: Pending[] = [];
  #failing = false;
  #wasBlocked = false;

  constructor({
    storage,
    clock,
    random,
    log,
    measures,
  }: {
    storage: Storage;
    clock: Clock;
    random: Random;
    log: EngineLog;
    measures: EngineMeasures;
  }) {
    this.#storage = storage;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#measures = measures;
    this.#group = new GroupCommit({
      write: (items) => this.#storage.record({ attempts: items.map(({ record }) => record) }),
      maxItems: storage.groupSize,
      maxWeightBytes: MAX_GROUP_BYTES,
      gatherMs: GATHER_MS,
      isEager: false,
      maxUnderWay: MAX_UNDER_WAY,
      clock,
      queue: new RingQueue(),
    });
  }

  /** Whether new attempts have to wait. */
  get isBlocked(): boolean {
    this.#wasBlocked ||= this.#failing || this.#waiting >= MAX_WAITING;
    return this.#failing || this.#waiting >= MAX_WAITING;
  }

  /** Called when an outcome is safe; the time is that of the next attempt, `null` where there is none. */
  onRecorded(listener: RecordedListener): void {
    this.#onRecorded = listener;
  }

  /** Calls back once, when an outcome of the event is safe. For a few events: those that somebody waits for. */
  watch(eventSeq: number, listener: () => void): void {
    this.#watchers.set(eventSeq, listener);
  }

  unwatch(eventSeq: number): void {
    this.#watchers.delete(eventSeq);
  }

  /** Called before that, with what was written. */
  onOutcome(listener: OutcomeListener): void {
    this.#onOutcome = listener;
  }

  /** Called when attempts may start again. */
  onResume(listener: () => void): void {
    this.#onResume = listener;
  }

  add(target: Target, delivery: LiveDelivery, attempt: Attempt): void {
    this.#waiting++;
    const record = this.#recordOf(target, delivery, attempt);
    this.#group.add(new Pending(target, delivery, attempt, record, this.#writeEnd));
  }

  /** Resolves when all outcomes are written, or could not be. */
  async drained(): Promise<void> {
    this.#writeHeld();
    await this.#group.drained();
  }

  #written(pending: Pending, outcome: RecordOutcome): void {
    if (this.#failing) {
      this.#failing = false;
      this.#log.recordResumed();
    }
    const { verdict } = pending.record;
    if (outcome !== 'lost') this.#measure(pending.record, outcome);
    if (outcome !== 'lost')
      this.#onOutcome(
        pending.target,
        pending.delivery,
        pending.attempt,
        outcome === 'recorded' ? verdict : null,
      );
    const goesOn = outcome === 'recorded' && verdict.status === 'pending';
    const holds = verdict.status === 'failed' && verdict.holds === true;
    this.#settled(pending, {
      nextAttemptAtMs: goesOn ? verdict.nextAttemptAtMs : null,
      isDone: !goesOn && !holds && outcome !== 'lost',
    });
  }

  #measure(record: AttemptRecord, outcome: RecordOutcome): void {
    const { timings, reason, verdict, number, startedAtMs, delivery } = record;
    this.#measures.attempted(timings.totalMs, reason);
    if (number === 1 && timings.firstByteMs !== null)
      this.#measures.firstByte(startedAtMs - ingestedAtMs(delivery.seq) + timings.firstByteMs);
    if (outcome !== 'recorded') return;
    if (verdict.status === 'delivered') this.#measures.delivered();
    else if (verdict.status === 'failed') this.#measures.failed();
  }

  #settled({ delivery, target }: Pending, recorded: Recorded): void {
    this.#waiting--;
    this.#onRecorded(delivery, target, recorded);
    if (this.#watchers.size > 0) this.#tell(delivery.event.seq);
    if (this.#wasBlocked && !this.#failing && this.#waiting < MAX_WAITING / 2) {
      this.#wasBlocked = false;
      this.#onResume();
    }
  }

  #tell(eventSeq: number): void {
    const listener = this.#watchers.get(eventSeq);
    this.#watchers.delete(eventSeq);
    listener?.();
  }

  #refused(pending: Pending, error: unknown): void {
    const isMedium = error instanceof StorageUnavailableError;
    if (!isMedium && ++pending.refusals >= MAX_REFUSALS) {
      this.#log.outcomeDropped(error, this.#storage.ids.deliveryId(pending.record.delivery));
      // It was not the medium that refused, and nothing else may be left whose writing would show that.
      this.#failing = false;
      this.#settled(pending, { nextAttemptAtMs: null, isDone: false });
      return;
    }
    if (isMedium) this.#failing = true;
    this.#held.push(pending);
    if (this.#held.length > 1) return;
    this.#clock.schedule(RECORD_RETRY_MS, () => this.#writeHeld());
    this.#log.recordFailed(error, this.#waiting);
  }

  #writeHeld(): void {
    for (const each of this.#held.splice(0)) this.#group.add(each);
  }

  #recordOf(target: Target, delivery: LiveDelivery, attempt: Attempt): AttemptRecord {
    const { outcome } = attempt;
    const step = stepAfter(delivery, attempt);
    const failed = outcome.kind === 'failed';
    return {
      delivery: { seq: delivery.event.seq, ordinal: delivery.ordinal },
      number: attempt.number,
      kind: attempt.kind,
      step,
      verdict: this.#verdict(target, delivery, attempt, step),
      startedAtMs: attempt.startedAtMs,
      reason: failed ? outcome.reason : null,
      detail: failed ? outcome.detail : attempt.note,
      timings: outcome.timings,
      request: attempt.request,
      response: outcome.response,
    };
  }

  #verdict(target: Target, { event }: LiveDelivery, { outcome }: Attempt, step: number): Verdict {
    if (outcome.kind === 'delivered') return { status: 'delivered' };
    const failed: Verdict = {
      status: 'failed',
      holds: target.order === 'key' && target.orderOnFailure === 'hold',
    };
    if (!outcome.retryable || !event.eligibleForRetry) return failed;
    const question = {
      step,
      nowMs: this.#clock.nowMs(),
      firstDueAtMs: Math.max(ingestedAtMs(event.seq), event.deliverAtMs ?? 0),
      retryAfterMs: outcome.retryAfterMs,
    };
    const atMs = nextAttemptAtMs(target.schedule, question, this.#random);
    return atMs === null ? failed : { status: 'pending', nextAttemptAtMs: atMs };
  }
}

/**
 * An attempt by hand takes no step of a schedule that is running, and starts none where it was over: past
 * `SCHEDULE_OVER` no schedule has a delay.
 */
function stepAfter({ askedBy, step }: LiveDelivery, { outcome }: Attempt): number {
  if (outcome.kind === 'delivered') return step;
  if (step >= SCHEDULE_OVER) return step + 1;
  return askedBy !== 'schedule' && step > 0 ? step : step + 1;
}
