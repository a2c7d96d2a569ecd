/** What is kept of destinations, events and deliveries beside the storage. */
import type { DisabledReason, EndingRule, ProfileEnding } from '../../src/domain/ending.ts';
import type { EventResource } from '../../src/domain/event.ts';
import type { RateCounts } from '../../src/domain/profile.ts';
import type { Order } from '../../src/domain/order.ts';
import type { ReceivedRequest } from '../support/simulated-receivers.ts';
import type { ExpectedSchedule } from './expected-schedule.ts';
import type { DeliveryRow } from './journal.ts';

/** One creation of a destination: an id that is used again is another one. */
export interface DestinationState {
  readonly no: number;
  readonly tenantNo: number;
  readonly tenantId: string;
  readonly id: string;
  readonly receiverName: string;
  /** What its receiver shares with others; `null`: nothing. */
  origin: string | null;
  topics: readonly string[];
  order: Order;
  /** It was created with another. */
  hasChangedOrder: boolean;
  wasEverOrdered: boolean;
  ratePerMinute: number | null;
  rateCounts: RateCounts;
  isRateNew: boolean;
  /** Monotonic time since which the engine has known this rate. */
  rateSetMs: number;
  /** As it was read last. */
  read: string;
  /** Monotonic time of its last change, and of the moment at which the engine knew of that. */
  changedMs: number;
  isChangeNew: boolean;
  concurrency: number;
  /** The largest that the engine may still go by. */
  formerConcurrency: number;
  isEnabled: boolean;
  isHeld: boolean;
  isDeleted: boolean;
  /** It was disabled or deleted at some time. */
  wasTakenAway: boolean;
  wasEverParallel: boolean;
  /** Of each key what blocks it: what is pending, and what failed and holds it. */
  readonly blocking: Map<string, Set<DeliveryState>>;
  /** Monotonic time at which that of each key last had one less. */
  readonly freedMs: Map<string, number>;
  /** By key, all that it ever had. */
  readonly versions: Map<string, DeliveryState[]>;
  /** What is pending after a failure. */
  readonly retrying: Set<DeliveryState>;
  /** All that it ever had. */
  readonly schedules: ExpectedSchedule[];
  /** What of its end is its profile's alone. */
  readonly ofProfile: ProfileEnding;
  /** When it is disabled, and all the rules that it ever had. */
  rule: EndingRule;
  readonly rules: EndingRule[];
  disabledReason: DisabledReason | null;
  expiresAtMs: number | null;
}

/** What is published: `data` of the event. */
export interface Publication {
  readonly n: number;
  readonly topic: string;
  readonly to: string | null;
  readonly retry: boolean;
  readonly key?: string;
  readonly resource?: EventResource;
  readonly deliverAtMs?: number;
}

export interface EventState {
  readonly seq: number;
  readonly tenantId: string;
  readonly id: string;
  readonly publication: Publication;
  readonly deliveries: DeliveryState[];
  /** The destinations of the answer. */
  readonly listed: string[];
  /** One of them has expired, and is not disabled yet. */
  readonly isUncertain: boolean;
  isGone: boolean;
}

export interface DeliveryState {
  readonly event: EventState;
  readonly destination: DestinationState;
  row: DeliveryRow;
  /** Monotonic. */
  readonly insertedMs: number;
  /** Monotonic time at which `nextAttemptAtMs` was last set. */
  dueSetMs: number;
  /** Failed attempts of the schedule; past it after a retry by hand. */
  steps: number;
  isPastSchedule: boolean;
  retriesByHand: number;
  /** It was canceled while a process had it in memory, and made due again: its next attempt may have begun before that. */
  wasRevived: boolean;
  /** Whether somebody asked for the attempt that was recorded last. */
  wasAsked: boolean;
  wasCanceledByHand: boolean;
  /** It was kept for a destination that stayed disabled, until retention ended. */
  wasHeldTooLong: boolean;
  /** What it is one after the other with. */
  readonly orderKey: string | null;
  /** Attempts whose outcome a dead process took along. */
  lost: number;
  readonly requests: ReceivedRequest[];
  readonly unrecorded: ReceivedRequest[];
  lastRecorded: ReceivedRequest | null;
}
