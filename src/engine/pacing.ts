/** How long a publish waits for a lane, at most. */
export const MAX_PACING_MS = 1000;

/** From this utilization of the process's thread on, publishes may be made to wait. */
export const BUSY = 0.85;

/** A lane is fast if it makes half of its room anew in this time. */
export const FAST_LANE_MS = 100;
