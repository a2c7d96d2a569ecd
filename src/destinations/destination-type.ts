/**
 * The port of destination types. A type is one folder beside this file: it checks what is written (`check`), and opens
 * a destination for sending (`open`). It passes `test/conformance/destination-type.ts`.
 */
import type { HeaderLines, Outcome } from '../domain/attempt.ts';
import type { Credentials } from '../domain/destination.ts';
import type { Event } from '../domain/event.ts';
import type { Profile } from '../domain/profile.ts';

export interface DestinationType {
  /** As in a destination's `type`, `webhook` for example. */
  readonly type: string;
  /**
   * Checks and normalises what a caller gave, and generates the secrets that he left out. All that is wrong comes at
   * once. It asks nothing of the network.
   */
  check(input: DestinationInput): CheckedDestination;
  /** Where it delivers to, as people read it, and the URL if there is one. */
  describeTarget(config: Config): { readonly target: string; readonly targetUrl: string };
  /** Opens a checked destination. Cheap: nothing is connected before the first message. */
  open(destination: OpenDestination): Sender;
  /** Gives up all connections, those in use too. */
  close(): Promise<void>;
}

export type Config = Readonly<Record<string, string>>;

export interface DestinationInput {
  /** Values of the fields, not yet looked at. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
  readonly profile: Profile;
}

export type CheckedDestination =
  | { readonly ok: true; readonly config: Config; readonly credentials: Credentials }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** `pointer`: a JSON pointer into the destination, such as `/config/url`. */
export interface FieldProblem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

export interface OpenDestination {
  readonly config: Config;
  readonly credentials: Credentials;
  readonly profile: Profile;
}

export interface Sender {
  /**
   * Makes one attempt. Never rejects: whatever happens is an outcome. Ends within `timeoutMs`, all told.
   */
  send(message: Message): Promise<Sent>;
}

export interface Message {
  readonly event: Event;
  /** The event in the profile's format. */
  readonly body: Uint8Array;
  /** Wall clock of this attempt, milliseconds. */
  readonly nowMs: number;
  readonly timeoutMs: number;
}

export interface Sent {
  readonly outcome: Outcome;
  /** What went out, for the record; values of secret headers are masked. */
  readonly request: { readonly url: string; readonly headers: HeaderLines };
}

/** What a secret looks like where it is not shown. */
export const MASK = '********';
