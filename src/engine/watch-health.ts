/** What follows from outcomes for a destination: it is told of, disabled or deleted. */
import { attemptCode } from '../domain/attempt.ts';
import type { ReceiverWish } from '../domain/attempt.ts';
import type { Clock } from '../domain/clock.ts';
import { SCHEDULE_OVER } from '../domain/delivery.ts';
import type { DisabledReason } from '../domain/ending.ts';
import type { HealthEffect } from '../domain/health.ts';
import type { Verdict } from '../storage/storage.ts';
import type { Attempt } from './deliver.ts';
import { disableByRule, unsubscribe } from './end-destination.ts';
import type { EndParts } from './end-destination.ts';
import type { EngineLog } from './engine-log.ts';
import type { HealthKeeper } from './health-keeper.ts';
import type { LiveDelivery } from './live-delivery.ts';
import type { Notices } from './notices.ts';
import type { Recorder } from './record.ts';
import type { Target } from './target.ts';

export interface HealthWatchParts extends EndParts {
  readonly recorder: Recorder;
  readonly keeper: HealthKeeper;
  readonly notices: Notices;
  readonly clock: Clock;
  readonly log: EngineLog;
  /** Whether somebody wants to know of each attempt of that kind. */
  readonly wantsAttempts: (topic: 'attempt.delivered' | 'attempt.failed') => boolean;
}

/** What of an outcome may end a destination. */
export interface FailureEnd {
  readonly isExhausted: boolean;
  readonly wish: ReceiverWish | undefined;
}

type Ending =
  | { readonly kind: 'unsubscribe' }
  | { readonly kind: 'disable'; reason: DisabledReason };

export class HealthWatch {
  readonly #parts: HealthWatchParts;
  /** Destinations that are being ended: once is enough. */
  readonly #ending = new Map<string, Promise<void>>();

  constructor(parts: HealthWatchParts) {
    this.#parts = parts;
    parts.recorder.onOutcome((target, delivery, attempt, verdict) =>
      this.#outcome(target, delivery, attempt, verdict),
    );
  }

  /** Resolves when no destination is being ended. */
  async drained(): Promise<void> {
    await Promise.all(this.#ending.values());
  }

  #outcome(
    target: Target,
    delivery: LiveDelivery,
    attempt: Attempt,
    verdict: Verdict | null,
  ): void {
    // Somebody tries it out: that it fails says nothing of how it fares.
    if (delivery.event.test) return;
    const { keeper, clock } = this.#parts;
    const { outcome } = attempt;
    const nowMs = clock.nowMs();
    const effects = keeper.attempted(
      target,
      { kind: outcome.kind, isExhausted: isExhausted(delivery, attempt, verdict) },
      nowMs,
    );
    this.#tellAttempt(target, delivery, attempt, nowMs);
    if (verdict?.status === 'failed') this.#tellFailed(target, delivery, attempt, nowMs);
    for (const effect of effects) this.#follow(target, effect, nowMs);
    const wish = wishOf(target, outcome.wish);
    if (wish !== null) this.#end(target, wish);
  }

  /** Of a failure that is on record, and whose effect the process before may have died with. */
  endAfterFailure(target: Target, { isExhausted: exhausted, wish }: FailureEnd): void {
    const ending = wishOf(target, wish);
    if (ending !== null) this.#end(target, ending);
    else if (exhausted && target.ending.onExhausted)
      this.#end(target, { kind: 'disable', reason: 'exhausted' });
  }

  #follow(target: Target, effect: HealthEffect, nowMs: number): void {
    const { keeper, notices } = this.#parts;
    const { consecutiveFailures, failingSinceMs } = keeper.of(target.tenantId, target.id);
    const common = { tenantId: target.tenantId, destinationId: target.id, atMs: nowMs };
    const run = `${failingSinceMs}`;
    switch (effect.kind) {
      case 'failing':
      case 'warn': {
        const percent = effect.kind === 'warn' ? effect.percent : null;
        notices.tell({
          ...common,
          topic: 'destination.failing',
          key: `${run}:${percent}`,
          consecutiveFailures,
          failingSinceMs: failingSinceMs ?? nowMs,
          percent,
        });
        return;
      }
      case 'recovered':
        notices.tell({ ...common, topic: 'destination.recovered', key: `${nowMs}` });
        return;
      case 'disable':
        this.#end(target, effect);
    }
  }

  #end(target: Target, ending: Ending): void {
    const { tenantId, id, createdAtMs } = target;
    const key = `${tenantId}\0${id}\0${createdAtMs}`;
    if (this.#ending.has(key)) return;
    const { log } = this.#parts;
    const work = this.#endOnce(target, ending)
      .catch((error: unknown) => log.destinationEndFailed(tenantId, id, error))
      .finally(() => this.#ending.delete(key));
    this.#ending.set(key, work);
  }

  async #endOnce(target: Target, ending: Ending): Promise<void> {
    const { clock, keeper, notices, log } = this.#parts;
    const nowMs = clock.nowMs();
    const { tenantId, id } = target;
    const common = { tenantId, destinationId: id, atMs: nowMs, key: `${nowMs}` };
    if (ending.kind === 'unsubscribe') {
      if (!(await unsubscribe(this.#parts, target, nowMs))) return;
      log.destinationEnded(tenantId, id, 'gone');
      notices.tell({ ...common, topic: 'destination.unsubscribed' });
      return;
    }
    const { reason } = ending;
    const { consecutiveFailures } = keeper.of(tenantId, id);
    if (!(await disableByRule(this.#parts, target, reason, nowMs))) return;
    log.destinationEnded(tenantId, id, reason);
    notices.tell({ ...common, topic: 'destination.disabled', reason, consecutiveFailures });
  }

  #tellAttempt(
    target: Target,
    delivery: LiveDelivery,
    { number, outcome }: Attempt,
    atMs: number,
  ): void {
    const topic = outcome.kind === 'delivered' ? 'attempt.delivered' : 'attempt.failed';
    const { notices, wantsAttempts } = this.#parts;
    if (!wantsAttempts(topic)) return;
    const told = this.#ofDelivery(target, delivery, outcome, atMs);
    notices.tell({ ...told, topic, key: `${told.deliveryId}:${number}`, number });
  }

  #tellFailed(
    target: Target,
    delivery: LiveDelivery,
    { number, outcome }: Attempt,
    atMs: number,
  ): void {
    const told = this.#ofDelivery(target, delivery, outcome, atMs);
    this.#parts.notices.tell({
      ...told,
      topic: 'delivery.failed',
      key: `${told.deliveryId}:${number}`,
      attempts: number,
      isMailed: target.profile.ending.mailsFailures,
    });
  }

  #ofDelivery(
    { tenantId, id }: Target,
    { event, ordinal }: LiveDelivery,
    outcome: Attempt['outcome'],
    atMs: number,
  ) {
    const { ids } = this.#parts.storage;
    return {
      tenantId,
      destinationId: id,
      atMs,
      deliveryId: ids.deliveryId({ seq: event.seq, ordinal }),
      eventId: event.id,
      eventTopic: event.topic,
      code: attemptCode(
        outcome.kind === 'failed' ? outcome.reason : null,
        outcome.response?.status ?? null,
      ),
    };
  }
}

/** The schedule was used up: not a failure that is never tried again, and not one of an attempt by hand. */
function isExhausted(
  { event, step, askedBy }: LiveDelivery,
  { outcome }: Attempt,
  verdict: Verdict | null,
): boolean {
  return (
    verdict?.status === 'failed' &&
    outcome.kind === 'failed' &&
    outcome.retryable &&
    event.eligibleForRetry &&
    askedBy === 'schedule' &&
    step < SCHEDULE_OVER
  );
}

function wishOf({ profile: { ending } }: Target, wish: ReceiverWish | undefined): Ending | null {
  if (wish === 'disable' && ending.hearsDisable)
    return { kind: 'disable', reason: 'receiver_asked' };
  if (wish !== 'gone') return null;
  switch (ending.onGone) {
    case 'disable':
      return { kind: 'disable', reason: 'gone' };
    case 'unsubscribe':
      return { kind: 'unsubscribe' };
    case 'nothing':
      return null;
  }
}
