/** An event: an immutable fact that was published for a tenant. */

/** What a caller publishes, after it was parsed. */
export interface PublishRequest {
  readonly tenantId: string;
  /** The caller's own id, the key of idempotency within the tenant; `null`: we give one. */
  readonly id: string | null;
  /** Empty where none was given: only destinations of all topics take it. */
  readonly topic: string;
  /** Addresses one destination instead of all that match. */
  readonly destinationId: string | null;
  /** When it happened; `null`: when it came in. */
  readonly timeMs: number | null;
  readonly eligibleForRetry: boolean;
  /** Canonical JSON (sorted names) of a map of strings; `null` where it is empty. */
  readonly metadata: string | null;
  /** Canonical JSON of an `EventResource`; `null` where none was given. */
  readonly resource: string | null;
  /** Events with the same key are one after the other, where the destination asks for it. */
  readonly orderKey: string | null;
  /** Not to be sent before that; `null`: at once. */
  readonly deliverAtMs: number | null;
  /** The bytes of the JSON object `data` exactly as they were sent. */
  readonly data: Uint8Array;
  /** Sent to try out the addressed destination, which gets it whatever topics it takes. */
  readonly test: boolean;
}

/** An event as the engine carries it to its destinations. */
export interface Event {
  readonly seq: number;
  readonly id: string;
  readonly tenantId: string;
  readonly topic: string;
  readonly timeMs: number;
  readonly eligibleForRetry: boolean;
  readonly metadata: string | null;
  readonly resource: string | null;
  readonly data: Uint8Array;
  readonly test: boolean;
}

/** What the event is about, spelled as the API spells it; its values are visible ASCII. */
export interface EventResource {
  readonly urn: string;
  /** Counters by node: which version of the resource it is. */
  readonly vector_clock?: Readonly<Record<string, number>>;
  /** What caused the change. */
  readonly trigger_urn?: string;
}

/** The moment at which the event came in, read from its number. */
export function ingestedAtMs(seq: number): number {
  return Math.floor(seq / 1000);
}

/** The lowest number that an event coming in at that moment can have. */
export function seqAtMs(timeMs: number): number {
  return timeMs * 1000;
}
