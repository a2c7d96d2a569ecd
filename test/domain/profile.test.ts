/** Which failures each profile tries again: all of them, by name. (Statuses, sent for real: test/api/profile-choice.test.ts.) */
import { describe, expect, it } from 'vitest';

import { FAILURE_REASONS } from '../../src/domain/attempt.ts';
import type { FailureReason } from '../../src/domain/attempt.ts';
import { retriesReason, retriesStatus } from '../../src/domain/profile.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';

/** Whether `baack` tries it again; the other profiles do in every case. A new reason has to be thought of here. */
const BY_BAACK: Record<Exclude<FailureReason, 'http_status'>, boolean> = {
  timeout: true,
  dns: true,
  connection: true,
  tls: true,
  protocol: true,
  auth: true,
  // What the next attempt would meet again.
  blocked_address: false,
  response_too_large: false,
  rejected: false,
  payload: false,
  invalid_destination: false,
};
const REASONS = FAILURE_REASONS.filter((reason) => reason !== 'http_status');

describe('a failure without an answer', () => {
  it.each(REASONS)('(%s) is tried again as the profile says', (reason) => {
    const found = [baack, standard, basekit, balkanid, baxcloud].map((profile) => [
      profile.name,
      retriesReason(profile, reason),
    ]);
    expect(Object.fromEntries(found)).toEqual({
      baack: BY_BAACK[reason],
      standard: true,
      basekit: true,
      balkanid: true,
      baxcloud: true,
    });
  });
});

describe('an answer that is no success', () => {
  const failures = Array.from({ length: 900 }, (_, index) => 100 + index);

  it.each([
    ['standard', [410], standard],
    ['basekit', [410], basekit],
    ['balkanid', [410], balkanid],
    ['baxcloud', [], baxcloud],
  ] as const)('is tried again by %s, whatever it is, but for %j', (_name, final, profile) => {
    expect(failures.filter((status) => !retriesStatus(profile, status))).toEqual(final);
  });

  it('is tried again by baack where the document names it', () => {
    expect(failures.filter((status) => retriesStatus(baack, status))).toEqual([
      408, 418, 429, 503, 504,
    ]);
  });
});
