/** How long a publish waits for a lane, at most; a lane is fast if it makes half of its room anew in this time. */
export const MAX_PACING_MS = 200;
