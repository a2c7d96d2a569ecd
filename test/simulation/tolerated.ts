/**
 * What the simulation has found and does not hold against the engine. When one is mended, delete its
 * line and what asks for it.
 */

/**
 * After the clock was set back, a retry by hand that was asked for before seems later than the disabling or deletion
 * that came after it, and so is never canceled.
 */
export const RETRY_OUTLIVES_DESTINATION = true;

/** What waits in the storage waits for its time by the wall clock; what is published after that was set back does not. */
export const CLOCK_SET_BACK_LOSES_ORDER = true;

/**
 * A delivery that was canceled during an attempt, and is made due by hand before that attempt ends, is no longer the
 * attempt's: its outcome is not recorded.
 */
export const RETRY_LOSES_ATTEMPT = true;

/**
 * A destination that is enabled while its disabling is not answered yet: the engine may read only the end of it, and
 * sends what it has in memory, though that is being canceled.
 */
export const DISABLING_MAY_PASS_UNSEEN = true;
