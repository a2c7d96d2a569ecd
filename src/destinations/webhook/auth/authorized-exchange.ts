/**
 * An attempt with an authenticator: the request, and once more where the answer asks for another authorization, both
 * within the attempt's one deadline.
 */
import type { Outcome } from '../../../domain/attempt.ts';
import type { Clock } from '../../../domain/clock.ts';
import { retriesReason } from '../../../domain/profile.ts';
import type { Profile } from '../../../domain/profile.ts';
import { MASK } from '../../destination-type.ts';
import type { Before } from '../exchange.ts';
import type { Failure } from '../failure.ts';
import type { Authenticator, AuthorizedRequest } from './authenticator.ts';

export interface AuthorizedAttempt {
  readonly authenticator: Authenticator;
  readonly request: AuthorizedRequest;
  readonly timeoutMs: number;
  readonly profile: Profile;
  readonly clock: Clock;
  /** One exchange, with these headers beside those of the message. */
  exchange(headers: readonly string[], before: Before): Promise<Outcome>;
}

export interface AuthorizedOutcome {
  readonly outcome: Outcome;
  /** For the record: what was added to the last request, masked. */
  readonly headers: readonly string[];
}

export async function exchangeAuthorized(attempt: AuthorizedAttempt): Promise<AuthorizedOutcome> {
  const { authenticator, request, timeoutMs, clock } = attempt;
  const startedMs = clock.monotonicMs();
  const leftMs = () => timeoutMs - (clock.monotonicMs() - startedMs);

  const first = await authenticator.authorize(request, leftMs());
  if (first.kind === 'failed') return notSent(attempt, first.failure, startedMs);
  const outcome = await attempt.exchange(headersOf(first.value), { startedMs, opening: null });
  const { response } = outcome;
  if (response === null || !first.answered(response)) return sent(outcome, first.value);

  const second = await authenticator.authorize(request, leftMs());
  if (second.kind === 'failed') return notSent(attempt, second.failure, startedMs);
  const before = { startedMs, opening: outcome.timings };
  const last = await attempt.exchange(headersOf(second.value), before);
  if (last.response !== null) second.answered(last.response);
  return sent(last, second.value);
}

function headersOf(value: string | null): string[] {
  return value === null ? [] : ['authorization', value];
}

function sent(outcome: Outcome, value: string | null): AuthorizedOutcome {
  return { outcome, headers: value === null ? [] : ['authorization', MASK] };
}

function notSent(
  { profile, clock }: AuthorizedAttempt,
  { reason, detail }: Failure,
  startedMs: number,
): AuthorizedOutcome {
  const totalMs = clock.monotonicMs() - startedMs;
  return {
    outcome: {
      kind: 'failed',
      reason,
      detail,
      retryable: retriesReason(profile, reason),
      timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs },
      response: null,
    },
    headers: [],
  };
}
