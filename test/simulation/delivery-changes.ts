/** What each change of a delivery's row may be: each operation may do one thing, from some statuses. */
import { transition } from '../../src/domain/delivery.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import type { Operation } from '../support/simulated-storage.ts';
import type { EndingWatch } from './ending-watch.ts';
import { expectedNext } from './expected-schedule.ts';
import type { Findings } from './findings.ts';
import type { DeliveryRow } from './journal.ts';
import type { Knowledge } from './knowledge.ts';
import type { DeliveryState } from './ledger-state.ts';

export interface DeliveryChangesParts {
  readonly findings: Findings;
  readonly endings: EndingWatch;
  readonly knowledge: Knowledge;
}

export class DeliveryChanges {
  readonly #findings: Findings;
  readonly #endings: EndingWatch;
  readonly #knowledge: Knowledge;
  /** Deliveries that replays have made due. */
  replayed = 0;

  constructor({ findings, endings, knowledge }: DeliveryChangesParts) {
    this.#findings = findings;
    this.#endings = endings;
    this.#knowledge = knowledge;
  }

  /** `null`: it may be. Keeps what the delivery has been through. */
  problemOf(
    process: SimulatedProcess,
    operation: Operation,
    delivery: DeliveryState,
    before: DeliveryRow,
    after: DeliveryRow,
  ): string | null {
    if (operation !== 'record' && after.attempts !== before.attempts)
      return 'attempts have changed';
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest changes no delivery
    switch (operation) {
      case 'claim':
        if (after.status !== 'pending' || before.status !== 'pending') return 'it is not pending';
        if (after.claimedBy !== process.no) return 'not for this process';
        this.#findings.saw(
          before.claimedBy === 0 ? 'claim of what nobody had' : 'claim of what a dead process had',
        );
        return before.claimedBy === process.no ? 'it is claimed twice' : null;
      case 'release':
        if (after.status !== before.status) return `from ${before.status} to ${after.status}`;
        return before.claimedBy !== process.no || after.claimedBy !== 0
          ? 'this process does not hold it'
          : null;
      case 'cancel':
      case 'cancelSlice':
        this.#findings.saw(`${operation} from ${before.status}`);
        // One that holds its key only lets go of it.
        if (before.holds) {
          this.#findings.saw('a key is let go of');
          return after.status === 'failed' && !after.holds ? null : 'it was let go of';
        }
        if (
          !delivery.destination.wasTakenAway &&
          !delivery.destination.wasEverOrdered &&
          !delivery.wasCanceledByHand
        )
          return 'its destination was never disabled';
        return after.status === transition(before.status, 'cancel')
          ? null
          : `from ${before.status}`;
      case 'retryByHand':
      case 'replayAdvance':
        // What it makes due may be newer than what waits.
        if (before.status === 'pending' && after.status === 'canceled')
          return delivery.destination.order === 'latest' ? null : 'it is none of its business';
        delivery.retriesByHand++;
        if (operation === 'replayAdvance') this.replayed++;
        this.#findings.saw(
          `${operation === 'retryByHand' ? 'retry by hand' : 'replay'} from ${before.status}`,
        );
        delivery.wasRevived = before.claimedBy === process.no;
        delivery.isPastSchedule ||= before.status !== 'pending' && !delivery.wasRevived;
        if (delivery.wasRevived) this.#findings.saw('canceled in memory, and made due again');
        if (after.claimedBy !== (delivery.wasRevived ? process.no : 0)) return 'it is claimed';
        return after.status === transition(before.status, 'retry_by_hand')
          ? null
          : `from ${before.status}`;
      case 'pruneSlice':
        this.#findings.saw('kept until retention ended');
        delivery.wasHeldTooLong = true;
        return before.status === 'pending' &&
          after.status === 'canceled' &&
          delivery.destination.disabledReason !== null
          ? null
          : 'it is none of its business';
      case 'record':
        if (after.holds) this.#findings.saw('a key is held');
        delivery.wasRevived = false;
        return this.#problemOfRecord(process, delivery, before, after);
      case 'publish':
        this.#findings.saw('superseded');
        return delivery.destination.wasEverOrdered &&
          before.status === 'pending' &&
          after.status === 'canceled'
          ? null
          : 'it is none of its business';
      default:
        return 'it is none of its business';
    }
  }

  #problemOfRecord(
    process: SimulatedProcess,
    delivery: DeliveryState,
    before: DeliveryRow,
    after: DeliveryRow,
  ): string | null {
    if (before.claimedBy !== process.no) return `it is claimed by ${before.claimedBy}`;
    if (after.claimedBy !== 0) return 'it is still claimed';
    if (after.attempts !== before.attempts + 1) return 'attempts were not counted';
    const outcome = delivery.lastRecorded?.outcome;
    this.#noteOutcome(delivery, after);
    this.#findings.saw(`attempt recorded: ${before.status} to ${after.status}`);
    if (before.status !== 'pending')
      return after.status === before.status ? null : 'a final status has changed';
    if (outcome?.kind === 'delivered')
      return after.status === transition(before.status, 'succeed') ? null : `it is ${after.status}`;
    if (!delivery.wasAsked || delivery.steps === 0) delivery.steps++;
    const trigger = after.status === 'pending' ? 'fail_for_now' : 'fail_for_good';
    if (after.status !== transition(before.status, trigger)) return `it is ${after.status}`;
    return this.#problemOfVerdict(delivery, after);
  }

  #noteOutcome({ lastRecorded, destination, ...delivery }: DeliveryState, after: DeliveryRow) {
    if (lastRecorded === null) return;
    const { outcome } = lastRecorded;
    this.#endings.recorded(destination, {
      request: lastRecorded,
      isExhausted:
        after.status === 'failed' &&
        outcome?.kind === 'failed' &&
        outcome.retryable &&
        delivery.event.publication.retry &&
        !delivery.wasAsked &&
        !delivery.isPastSchedule,
      isSettled: !this.#knowledge.isUnsettled(destination.tenantId),
    });
  }

  /** By any of the schedules that the destination has had: the attempt began under one of them. */
  #problemOfVerdict(delivery: DeliveryState, after: DeliveryRow): string | null {
    const { lastRecorded, steps, event, destination } = delivery;
    if (lastRecorded?.outcome?.kind !== 'failed') return 'there was no failure';
    const isFinal =
      !lastRecorded.outcome.retryable || !event.publication.retry || delivery.isPastSchedule;
    if (isFinal) return after.status === 'failed' ? null : 'it goes on after a final failure';
    const { deliverAtMs = 0 } = event.publication;
    const firstDueAtMs = Math.max(Math.floor(event.seq / 1000), deliverAtMs);
    const expected = destination.schedules.map((schedule) =>
      expectedNext(schedule, steps, firstDueAtMs, lastRecorded),
    );
    if (after.status === 'failed')
      return expected.some(({ mayBeOver }) => mayBeOver) ? null : `failed after ${steps} failures`;
    const dueAtMs = after.nextAttemptAtMs ?? -Infinity;
    return expected.some(({ from, to }) => dueAtMs >= from && dueAtMs <= to)
      ? null
      : `the next attempt is at ${dueAtMs} after ${steps} failures`;
  }
}
