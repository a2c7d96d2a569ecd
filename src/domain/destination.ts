/** A destination: one tenant's configured target. */
import type { DisabledReason, DisablePolicy, WhileDisabled } from './ending.ts';
import type { Order, OrderFailure } from './order.ts';
import type { Format } from './format.ts';
import type { HttpSignature } from './http-signature.ts';
import type { RateCounts } from './profile.ts';
import type { Subscription } from './subscription.ts';

export interface Destination {
  readonly tenantId: string;
  readonly id: string;
  /** Name of a destination type; it never changes. */
  readonly type: string;
  readonly name: string | null;
  /** Name of a profile; `null`: the instance's default. */
  readonly profile: string | null;
  /** Of its bodies. */
  readonly format: Format;
  /** RFC 9421, beside the signature of its profile; `null`: none. */
  readonly httpSignature: HttpSignature | null;
  /** Topics and patterns; `['*']` takes all. */
  readonly topics: readonly string[];
  /** Compact JSON of a filter (filter.ts); `null`: it takes all of its topics' events. */
  readonly filter: string | null;
  readonly config: Readonly<Record<string, string>>;
  readonly deliveryMetadata: Readonly<Record<string, string>> | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly policy: DestinationPolicy;
  /** `null` and left out: it was not made as a subscription. */
  readonly subscription?: Subscription | null;
  /** `null` while it is enabled. */
  readonly disabledAtMs: number | null;
  /** `null` while it is enabled. */
  readonly disabledReason: DisabledReason | null;
  /** It gets nothing from that moment on; `null`: it has no end. */
  readonly expiresAtMs: number | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** What a destination wants otherwise than its profile; spelled as the API spells it. */
export interface DestinationPolicy {
  readonly timeout_ms?: number;
  readonly concurrency?: number;
  readonly rate_per_minute?: number;
  readonly rate_counts?: RateCounts;
  readonly retry?: RetryPolicy;
  readonly order?: Order;
  readonly order_on_failure?: OrderFailure;
  readonly disable?: DisablePolicy;
  readonly while_disabled?: WhileDisabled;
}

export type RetryPolicy = { readonly jitter?: number; readonly window_s?: number } & (
  | { readonly delays_s: readonly number[] }
  | {
      readonly base_s: number;
      readonly factor: number;
      readonly cap_s: number;
      readonly count: number;
    }
);

/** Secrets and keys by field name, in the clear; at rest they are sealed. */
export type Credentials = Readonly<Record<string, string>>;

/** How it authenticates towards its target, as its type has checked it, in the clear; at rest it is sealed. */
export type Auth = Readonly<Record<string, unknown>>;
