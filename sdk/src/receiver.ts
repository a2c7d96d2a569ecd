/**
 * What every middleware does between the bytes and the handler: verify, look whether it was handled before, and else say
 * what to answer. Frameworks without a middleware here can use it as it is.
 */
import type { HeadersInput } from './header-fields.ts';
import type { Secrets } from './keys.ts';
import type { BodyInput } from './message-body.ts';
import type { TimeOptions } from './message-time.ts';
import type { ProfileName } from './profiles.ts';
import type { Claim, ReplayGuard } from './replay-guard.ts';
import type { Scheme } from './scheme.ts';
import type { RefusalReason, Refused, Verified } from './verification.ts';
import { verify } from './verify.ts';

/** Twice what a server publishes at most, so that the envelope has room too. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** After which the sender may ask again about a message that is being handled. */
const RETRY_AFTER_S = 5;

export interface ReceiverOptions extends TimeOptions {
  readonly profile: ProfileName | Scheme;
  /** A function is called for each message, so that a rotated secret counts at once. */
  readonly secret: Secrets | (() => Secrets | Promise<Secrets>);
  /** What is larger is answered with 413; default 2 MiB. */
  readonly maxBodyBytes?: number;
  /** Without one, duplicates are handled again. */
  readonly guard?: ReplayGuard;
  /**
   * What tells duplicates; default the id, or where there is none the signature. Where the id is not signed (`basekit`,
   * `balkanid`), the signature tells a caught message that is sent again under another id; but two events with the same
   * body are then one.
   */
  readonly duplicateKey?: (webhook: Verified) => string;
  /** For your log: a message that is not taken. */
  readonly onRefused?: (refused: Refused) => void;
  /** For your log: the guard failed after the message was handled, so that it may be handled again. Default: `console`. */
  readonly onGuardError?: (error: unknown) => void;
}

/** To be sent as it is. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Decision =
  | {
      readonly kind: 'handle';
      readonly webhook: Verified;
      /** To be called once with whether handling succeeded; it does not reject. */
      readonly settle: (succeeded: boolean) => Promise<void>;
    }
  | { readonly kind: 'answer'; readonly answer: Answer };

export interface Receiver {
  readonly maxBodyBytes: number;
  /** Rejects where the guard's store or the function `secret` does: answer 500 then, and the sender comes again. */
  receive(headers: HeadersInput, body: BodyInput): Promise<Decision>;
  /** What a larger body is answered with. */
  readonly tooLarge: Answer;
  /** What a message is answered with when its handler has failed. */
  readonly failed: Answer;
  /** What a message is answered with when nothing else answers. */
  readonly accepted: Answer;
}

export function createReceiver(options: ReceiverOptions): Receiver {
  const { profile, secret, guard, maxBodyBytes = MAX_BODY_BYTES } = options;
  const { duplicateKey = (webhook) => webhook.id ?? webhook.signature } = options;
  const { onGuardError = (error) => console.error('the replay guard failed:', error) } = options;

  async function settle(claim: Claim, succeeded: boolean): Promise<void> {
    try {
      await (succeeded ? claim.confirm() : claim.release());
    } catch (error) {
      onGuardError(error);
    }
  }

  return {
    maxBodyBytes,
    async receive(headers, body) {
      const secrets = typeof secret === 'function' ? await secret() : secret;
      const webhook = await verify(profile, headers, body, secrets, options);
      if (!webhook.ok) {
        options.onRefused?.(webhook);
        return { kind: 'answer', answer: refusal(webhook) };
      }
      if (guard === undefined) return { kind: 'handle', webhook, settle: async () => {} };
      const claimed = await guard.claim(`${webhook.profile}:${duplicateKey(webhook)}`);
      switch (claimed.state) {
        case 'claimed':
          return { kind: 'handle', webhook, settle: (succeeded) => settle(claimed, succeeded) };
        case 'duplicate':
          return { kind: 'answer', answer: ACCEPTED };
        case 'in_progress':
          return { kind: 'answer', answer: IN_PROGRESS };
      }
    },
    tooLarge: problem(413, 'Content Too Large', `the body has more than ${maxBodyBytes} bytes`, {
      // The rest of it is not read.
      connection: 'close',
    }),
    failed: FAILED,
    accepted: ACCEPTED,
  };
}

/** 200 and not 204: there are senders (`baxcloud`) to whom nothing else is a success. */
const ACCEPTED: Answer = { status: 200, headers: {}, body: '' };
const FAILED = problem(500, 'Internal Server Error', 'the message could not be handled');
/** 503: every profile tries again after it. */
const IN_PROGRESS = problem(503, 'Service Unavailable', 'the message is being handled', {
  'retry-after': String(RETRY_AFTER_S),
});

/** The receiver's own set-up: nothing that the sender is told about. */
const OWN_FAULTS: ReadonlySet<RefusalReason> = new Set([
  'unknown_profile',
  'malformed_secret',
  'unsupported_algorithm',
]);

function refusal({ reason, detail }: Refused): Answer {
  return OWN_FAULTS.has(reason)
    ? problem(500, 'Internal Server Error', 'the receiver is not set up rightly')
    : problem(401, 'Unauthorized', detail, {}, reason);
}

/** Problem details (RFC 9457). */
function problem(
  status: number,
  title: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  reason?: RefusalReason,
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({ type: 'about:blank', title, status, detail, reason }),
  };
}
