/** The part `ending` of a profile in the configuration file: when a destination is given up. */
import { Members, choice, flag, numberOf, orNull, wholeNumberOf } from './config-node.ts';
import type { Reader } from './config-node.ts';
import { given, required } from './config-profile-parts.ts';
import { GONE_RULES } from './domain/ending.ts';
import type { FailureShareRule, ProfileEnding } from './domain/ending.ts';

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1000;
const MAX_COUNT = 1_000_000;

/** What is left out is as in `before`; `null` says that there is no such rule. */
export function endingOf(before: ProfileEnding): Reader<ProfileEnding> {
  return (node, place) => {
    const members = Members.of(node, place);
    if (members === undefined) return undefined;
    const withoutSuccessS = members.read('without_success_s', orNull(numberOf(60, 365 * DAY_S)));
    const lifetimeDays = members.read('lifetime_days', orNull(wholeNumberOf(1, 3650)));
    const ending: ProfileEnding = {
      consecutiveFailures: given(
        members.read('consecutive_failures', orNull(wholeNumberOf(1, MAX_COUNT))),
        before.consecutiveFailures,
      ),
      withoutSuccessMs: given(times(withoutSuccessS, 1000), before.withoutSuccessMs),
      onExhausted: members.read('on_exhausted', flag) ?? before.onExhausted,
      failureShare: given(
        members.read('failure_share', orNull(failureShareOf)),
        before.failureShare,
      ),
      onGone: members.read('on_gone', choice(GONE_RULES)) ?? before.onGone,
      hearsDisable: members.read('hears_disable', flag) ?? before.hearsDisable,
      mailsFailures: members.read('mails_failures', flag) ?? before.mailsFailures,
      lifetimeMs: given(times(lifetimeDays, DAY_MS), before.lifetimeMs),
    };
    members.done();
    return ending;
  };
}

const failureShareOf: Reader<FailureShareRule> = (node, place) => {
  const members = Members.of(node, place);
  if (members === undefined) return undefined;
  const share = required(members, place, 'share', numberOf(0.001, 1));
  const windowS = required(members, place, 'window_s', numberOf(60, 7 * DAY_S));
  const minAttempts = required(members, place, 'min_attempts', wholeNumberOf(1, MAX_COUNT));
  members.done();
  if (share === undefined || windowS === undefined || minAttempts === undefined) return undefined;
  return { share, windowMs: windowS * 1000, minAttempts };
};

/** `null` and `undefined` stay what they are. */
function times(said: number | null | undefined, factor: number): number | null | undefined {
  return typeof said === 'number' ? said * factor : said;
}
