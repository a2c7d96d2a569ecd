/** How long a publish waits for a lane, at most. */
export const MAX_PACING_MS = 1000;

/** From this utilization of the process's thread on, publishes may be made to wait. */
export const BUSY = 0.85;

/** A receiver keeps up if it answers in this time: as many as it is sent at once are delivered in it. */
export const FAST_ANSWER_MS = 100;

/** How long a publish of a tenant who crowds lets others go first, at most. */
export const MAX_COURTESY_MS = 5000;
