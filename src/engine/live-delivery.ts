/** Deliveries and events as this node has them in memory. */
import type { AskedBy } from '../domain/delivery.ts';
import type { Event } from '../domain/event.ts';
import type { ClaimedDelivery } from '../storage/claiming.ts';
import { Bodies } from './bodies.ts';

/** A delivery in memory: this node has claimed it. */
export interface LiveDelivery {
  readonly event: LiveEvent;
  readonly ordinal: number;
  /** Attempts so far. */
  readonly attempts: number;
  /** Failed attempts of the schedule so far. */
  step: number;
  /** Who asked for the next attempt; perhaps while it is under way. */
  askedBy: AskedBy;
  /** Those of one key go one after the other; `null`: it is not ordered. */
  readonly orderKey: string | null;
  /** A newer version has come: it is not sent any more. */
  superseded: boolean;
}

/** An attempt after one before, not one of a replay, which sends an event as if it were new. */
export function isRetry({ attempts, askedBy }: LiveDelivery): boolean {
  return attempts > 0 && askedBy !== 'replay';
}

export function liveDelivery(
  tenantId: string,
  { key, event, attempts, step, askedBy, orderKey }: ClaimedDelivery,
): LiveDelivery {
  const live = { ...event, tenantId, bodies: new Bodies() };
  return {
    event: live,
    ordinal: key.ordinal,
    attempts,
    step,
    askedBy,
    orderKey,
    superseded: false,
  };
}

/** An event with the bodies that were, or are being, rendered of it, so that all its destinations share them. */
export interface LiveEvent extends Event {
  readonly bodies: Bodies;
  /** Not to be sent before that; `null`: at once. */
  readonly deliverAtMs: number | null;
}
