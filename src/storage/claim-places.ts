/** Who of a lane goes first where more is due than there is room: both sides do, each the oldest of it first. */

export interface ClaimPlaces {
  readonly limit: number;
  /** Of those, for retries. */
  readonly retryPlaces?: number | undefined;
}

/** What one side does not need of its places is the other's. */
export function withinPlaces<Due>(
  others: readonly Due[],
  retries: readonly Due[],
  { limit, retryPlaces = 0 }: ClaimPlaces,
): Due[] {
  const places = Math.max(Math.min(retryPlaces, limit), limit - others.length);
  const taken = retries.slice(0, places);
  return [...others.slice(0, limit - taken.length), ...taken];
}
