/**
 * The life of a delivery: one total table of what each trigger does in each status.
 *
 * pending    it is owed: waiting for its time, for room, or in an attempt right now
 * delivered  the receiver said yes
 * failed     the schedule is used up, or the failure was not one to retry
 * canceled   its destination was deleted, disabled or at its end, a newer version superseded it, or somebody canceled it
 */

export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed', 'canceled'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

export const DELIVERY_TRIGGERS = [
  'succeed',
  'fail_for_now',
  'fail_for_good',
  'cancel',
  'retry_by_hand',
] as const;
export type DeliveryTrigger = (typeof DELIVERY_TRIGGERS)[number];

/** `null`: the trigger does nothing in that status (an outcome that comes after a cancel, say). */
const TRANSITIONS: Record<DeliveryStatus, Record<DeliveryTrigger, DeliveryStatus | null>> = {
  pending: {
    succeed: 'delivered',
    fail_for_now: 'pending',
    fail_for_good: 'failed',
    cancel: 'canceled',
    retry_by_hand: 'pending',
  },
  delivered: {
    succeed: null,
    fail_for_now: null,
    fail_for_good: null,
    cancel: null,
    retry_by_hand: 'pending',
  },
  failed: {
    succeed: null,
    fail_for_now: null,
    fail_for_good: null,
    cancel: null,
    retry_by_hand: 'pending',
  },
  canceled: {
    succeed: null,
    fail_for_now: null,
    fail_for_good: null,
    cancel: null,
    retry_by_hand: 'pending',
  },
};

export function transition(
  status: DeliveryStatus,
  trigger: DeliveryTrigger,
): DeliveryStatus | null {
  return TRANSITIONS[status][trigger];
}

/**
 * `step` of a delivery that was final and is tried again by hand: its schedule is over, so that this attempt is the
 * only one. (`step` counts the failed attempts of the schedule, without those by hand.)
 */
export const SCHEDULE_OVER = 1_000_000;

/** Who asked for the next attempt: nobody but the schedule, somebody by hand, or a replay. */
export const ASKED_BY = ['schedule', 'hand', 'replay'] as const;
export type AskedBy = (typeof ASKED_BY)[number];
