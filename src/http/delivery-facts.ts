/** What a door tells of a destination's deliveries. */
import type { Destination } from '../domain/destination.ts';
import type { Storage } from '../storage/storage.ts';

const DAY_S = 86_400;
/** Of days; usage is kept for a year. */
const MAX_DAYS = 1000;

export interface DeliveryFacts {
  /** When the last attempt that succeeded ended; `null`: none is known. */
  readonly lastDeliveryAtMs: number | null;
  /** Attempts of the last year, as far as they are counted. */
  readonly billableAttempts: number;
}

export async function deliveryFacts(
  storage: Storage,
  { tenantId, id }: Destination,
  nowMs: number,
): Promise<DeliveryFacts> {
  const from = { order: 'desc', from: null } as const;
  const [attempts, usage] = await Promise.all([
    storage.attemptList({
      tenantIds: [tenantId],
      destinationId: id,
      destinationTypes: [],
      eventSeq: null,
      delivery: null,
      topics: [],
      status: 'success',
      time: { fromMs: null, toMs: null },
      page: { limit: 1, ...from },
    }),
    storage.usageList({
      tenantIds: [tenantId],
      destinationId: id,
      apiClient: null,
      dimension: 'destination',
      days: { fromS: 0, toS: nowMs / 1000 + DAY_S },
      page: { limit: MAX_DAYS, ...from },
    }),
  ]);
  const [last] = attempts.rows;
  return {
    lastDeliveryAtMs: last === undefined ? null : last.startedAtMs + last.timings.totalMs,
    billableAttempts: usage.rows.reduce((sum, row) => sum + row.attempts, 0),
  };
}
