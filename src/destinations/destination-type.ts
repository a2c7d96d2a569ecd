/**
 * The port of destination types. A type is one folder beside this file: it checks what is written (`check`), and opens
 * a destination for sending (`open`). It passes `test/conformance/destination-type.ts`.
 */
import type { AttemptRequest, Outcome } from '../domain/attempt.ts';
import type { Auth, Credentials } from '../domain/destination.ts';
import type { Event } from '../domain/event.ts';
import type { HttpSignature } from '../domain/http-signature.ts';
import type { Profile } from '../domain/profile.ts';

export interface DestinationType {
  /** As in a destination's `type`, `webhook` for example. */
  readonly type: string;
  /** What people read who choose and fill in a destination of it. */
  readonly description: TypeDescription;
  /**
   * Checks and normalises what a caller gave, and generates the secrets that he left out. All that is wrong comes at
   * once. It asks nothing of the network.
   */
  check(input: DestinationInput): CheckedDestination;
  /** Credentials with a new signing secret of ours; one that was there signs beside it for a day. */
  renewSecret(destination: RenewedDestination): Credentials;
  /** The credentials as their owner reads them: secrets as the profile shows them, everything else masked. */
  showCredentials(destination: ShownDestination): Credentials;
  /** Its authentication as its owner reads it, every secret masked, and what he should know of it. */
  showAuth(auth: Auth | null, nowMs: number): ShownAuth;
  /** Where it delivers to, as people read it, and the URL if there is one. */
  describeTarget(config: Config): { readonly target: string; readonly targetUrl: string };
  /**
   * What destinations share whose receiver is the same: scheme, host and port of a URL. How many attempts it gets at a
   * time is bounded over all of them. Left out, and `null`: there is no such thing.
   */
  originOf?(config: Config): string | null;
  /** A checked configuration as it may be shown to everybody: secrets that stand in it are masked. */
  withoutSecrets(config: Config): Config;
  /** Opens a checked destination. Cheap: nothing is connected before the first message. */
  open(destination: OpenDestination): Sender;
  /** Gives up all connections, those in use too. */
  close(): Promise<void>;
}

export interface TypeDescription {
  readonly label: string;
  /** A sentence. */
  readonly description: string;
  /** An SVG document, to be shown as an image. */
  readonly icon: string;
  /** Markdown: how to get what the fields want. */
  readonly instructions: string;
  /** Where the setting up begins elsewhere. */
  readonly setupLink?: { readonly href: string; readonly cta: string };
  readonly configFields: readonly FieldDescription[];
  readonly credentialFields: readonly FieldDescription[];
}

/** A field of `config` or `credentials`; `check` has the last word on its value. */
export interface FieldDescription {
  readonly key: string;
  readonly type: 'text' | 'checkbox' | 'select' | 'key_value_map';
  readonly label: string;
  readonly description: string;
  readonly required: boolean;
  /** Masked where it is read. */
  readonly sensitive?: boolean;
  readonly default?: string;
  readonly minlength?: number;
  readonly maxlength?: number;
  /** A regular expression of the whole value. */
  readonly pattern?: string;
  readonly options?: readonly { readonly label: string; readonly value: string }[];
}

export type Config = Readonly<Record<string, string>>;

export interface DestinationInput {
  /** Values of the fields, not yet looked at; those of a change are merged already. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What the caller says of the credentials; `null` takes one away. */
  readonly credentials: Readonly<Record<string, unknown>>;
  /** The credentials that are there; `null` where there are none yet. */
  readonly current: Credentials | null;
  /**
   * What the caller says of the authentication: left out, what is there stays; `null` takes it away; else it replaces
   * what is there, but for secrets that come masked. A type that has none refuses it.
   */
  readonly auth?: unknown;
  /** The authentication that is there; `null` and left out: none. */
  readonly currentAuth?: Auth | null;
  readonly profile: Profile;
  /** What it asks of RFC 9421; a type whose messages are no HTTP requests refuses it. */
  readonly httpSignature: HttpSignature | null;
  readonly nowMs: number;
}

export interface RenewedDestination {
  /** `null`: there are none yet. */
  readonly credentials: Credentials | null;
  readonly profile: Profile;
  readonly nowMs: number;
}

export interface ShownDestination {
  readonly credentials: Credentials;
  readonly profile: Profile;
  readonly nowMs: number;
}

export interface ShownAuth {
  readonly auth: Auth | null;
  readonly warnings: readonly FieldProblem[];
}

export type CheckedDestination =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly credentials: Credentials;
      readonly auth: Auth | null;
    }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** `pointer`: a JSON pointer into the destination, such as `/config/url`. */
export interface FieldProblem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

export interface OpenDestination {
  readonly id: string;
  readonly config: Config;
  readonly credentials: Credentials;
  /** `null` and left out: none. */
  readonly auth?: Auth | null;
  readonly deliveryMetadata: Readonly<Record<string, string>> | null;
  readonly profile: Profile;
  readonly httpSignature: HttpSignature | null;
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
  readonly deliveryId: () => string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Wall clock of this attempt, milliseconds. */
  readonly nowMs: number;
  readonly timeoutMs: number;
}

export interface Sent {
  readonly outcome: Outcome;
  /** What went out, for the record; values of secret headers are masked. */
  readonly request: AttemptRequest;
  /** What the tenant should know of the message, in one sentence; `null`: nothing. */
  readonly note: string | null;
}

/** What a secret looks like where it is not shown. */
export const MASK = '********';
