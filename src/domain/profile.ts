/**
 * A profile: the wire format and delivery policy of a kind of webhook, as data. What a destination leaves open comes
 * from its profile.
 */
import type { RetrySchedule } from './retry-schedule.ts';

export interface Profile {
  readonly name: string;
  readonly wire: WireFormat;
  readonly secret: SecretFormat;
  readonly success: { readonly fromStatus: number; readonly toStatus: number };
  /** Statuses after which no retry makes sense. */
  readonly finalStatuses: readonly number[];
  readonly retry: RetrySchedule;
  /** The total deadline of one attempt. */
  readonly timeoutMs: number;
}

/** `standard_webhooks`: body `{type, timestamp, data}`, headers `webhook-id`, `-timestamp`, `-signature`. */
export type WireFormat = 'standard_webhooks';

/** `prefix` + base64 of that many bytes; the decoded bytes are the key. */
export interface SecretFormat {
  readonly prefix: string;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly generatedBytes: number;
}
