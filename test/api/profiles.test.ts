/** GET /profiles. */
import { expect, it } from 'vitest';

import type { Profile } from '../../src/domain/profile.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { useApi } from '../support/api-server.ts';
import type { DestinationView } from '../support/api-views.ts';

interface ProfileView {
  readonly name: string;
  readonly default: boolean;
  readonly retry: {
    readonly attempts_after_s: readonly number[];
    readonly attempts_after: readonly string[];
  };
  readonly secret: { readonly overlap_s: number };
  readonly ending: object;
  readonly timeout_ms: number;
}

const OWN: Profile = {
  ...baxcloud,
  name: 'own',
  signature: null,
  success: { only: [200, 202] },
  retry: { delaysMs: [1500], jitter: 0.5, windowMs: 60_000 },
  ratePerMinute: 90,
  rateCounts: 'first_attempts',
};

const api = useApi({ profiles: [OWN], defaultProfile: baxcloud });

const HOUR_S = 3600;

it('shows those built in and those of the file, and which one is the default', async () => {
  const { status, body } = await api().get<{ models: ProfileView[] }>('/v1/profiles');
  expect(status).toBe(200);
  expect(body.models.map((each) => [each.name, each.default])).toEqual([
    ['standard', false],
    ['baack', false],
    ['basekit', false],
    ['balkanid', false],
    ['baxcloud', true],
    ['own', false],
  ]);
  expect((await api().get('/v1/profiles?x=1')).status).toBe(422);
});

it('shows schedules as the moments that they mean', async () => {
  const { body } = await api().get<{ models: ProfileView[] }>('/v1/profiles');
  const moments = Object.fromEntries(
    body.models.map(({ name, retry }) => [name, retry.attempts_after_s]),
  );
  const standard = [0, 5, 305, 2105, 9305, 27_305, 63_305, 113_705, 185_705, 272_105];
  expect(moments).toEqual({
    standard,
    basekit: standard,
    // The last one 16 hours after the first.
    baack: [0, 8, 24, 84, 564, 2364, 5964, 13_164, 27_564, 16 * HOUR_S],
    balkanid: [0, 30, 90, 210, 450, 930, 1890, 3810, 7650, 15_330, 30_690],
    baxcloud: [0, 5, 35, 155, 755, 2555],
    own: [0, 1.5],
  });
});

it('shows them as durations, too', async () => {
  const { body } = await api().get<{ models: ProfileView[] }>('/v1/profiles');
  const after = (name: string) =>
    body.models.find((each) => each.name === name)?.retry.attempts_after;
  expect(after('baxcloud')).toEqual(['PT0S', 'PT5S', 'PT35S', 'PT2M35S', 'PT12M35S', 'PT42M35S']);
  expect(after('baack')?.slice(-2)).toEqual(['PT7H39M24S', 'PT16H']);
  expect(after('own')).toEqual(['PT0S', 'PT1.5S']);
});

it('shows those of a destination, its own or its profile’s', async () => {
  const tenantId = await api().tenant();
  const { id } = await api().destination(tenantId, {
    profile: 'baack',
    credentials: { secret: 'a' },
  });
  const path = `/v1/tenants/${tenantId}/destinations/${id}`;
  const shown = async () => (await api().get<DestinationView>(path)).body.retry_schedule;
  expect(await shown()).toMatchObject({
    attempts_after_s: [0, 8, 24, 84, 564, 2364, 5964, 13_164, 27_564, 16 * HOUR_S],
    jitter: 0,
    window_s: 24 * HOUR_S,
  });
  const retry = { base_s: 1, factor: 10, cap_s: 100_000, count: 6, jitter: 0.2, window_s: 20_000 };
  await api().patch(path, { policy: { retry } });
  expect(await shown()).toEqual({
    attempts_after_s: [0, 1, 11, 111, 1111, 11_111],
    attempts_after: ['PT0S', 'PT1S', 'PT11S', 'PT1M51S', 'PT18M31S', 'PT3H5M11S'],
    jitter: 0.2,
    window_s: 20_000,
  });
});

it('shows what a receiver verifies by', async () => {
  const { body } = await api().get<{ models: ProfileView[] }>('/v1/profiles');
  const of = (name: string) => body.models.find((each) => each.name === name);
  expect(of('standard')).toMatchObject({
    payload: 'standard',
    content_type: 'application/json',
    headers: [
      { name: 'webhook-id', value: '{event_id}' },
      { name: 'webhook-timestamp', value: '{timestamp}' },
    ],
    signature: { header: 'webhook-signature', signed: '{event_id}.{timestamp}.{body}' },
    secret: {
      format: expect.stringContaining(
        '"whsec_" followed by the base64 of 24 to 64 bytes',
      ) as string,
      generated: true,
    },
    success: { from_status: 200, to_status: 299 },
    retried: { statuses: { all_but: [410] }, reasons: null },
    timeout_ms: 15_000,
  });
  expect(of('baack')).toMatchObject({
    secret: { generated: false, shown: 'sha256', scope: 'destination' },
    retried: { statuses: { only: [408, 418, 429, 503, 504] } },
    timeout_ms: 10_000,
  });
  expect(of('basekit')).toMatchObject({ secret: { scope: 'tenant' }, timeout_ms: 15_000 });
  expect(of('balkanid')).toMatchObject({ metadata_header_prefix: 'x-outpost-', timeout_ms: 5000 });
  expect(of('own')).toMatchObject({
    signature: null,
    success: [200, 202],
    retry: { jitter: 0.5, window_s: 60 },
    rate_per_minute: 90,
    rate_counts: 'first_attempts',
  });
});

it('shows when destinations are given up, how long attempts may take, and secrets overlap', async () => {
  const { body } = await api().get<{ models: ProfileView[] }>('/v1/profiles');
  const none = {
    consecutive_failures: null,
    without_success_s: null,
    on_exhausted: false,
    failure_share: null,
    on_gone: 'nothing',
    hears_disable: false,
    mails_failures: false,
    lifetime_days: null,
  };
  const mailed = { ...none, mails_failures: true };
  expect(Object.fromEntries(body.models.map(({ name, ending }) => [name, ending]))).toEqual({
    standard: {
      ...none,
      without_success_s: 5 * 24 * HOUR_S,
      on_gone: 'disable',
      hears_disable: true,
    },
    baack: {
      ...none,
      on_exhausted: true,
      failure_share: { share: 0.5, window_s: HOUR_S, min_attempts: 20 },
      lifetime_days: 90,
    },
    basekit: { ...none, on_gone: 'unsubscribe' },
    balkanid: { ...none, consecutive_failures: 100 },
    baxcloud: mailed,
    own: mailed,
  });
  const overlaps = body.models.map(({ name, secret }) => [name, secret.overlap_s]);
  const timeouts = body.models.map(({ name, timeout_ms }) => [name, timeout_ms / 1000]);
  expect(Object.fromEntries(timeouts)).toEqual({
    standard: 15,
    baack: 10,
    basekit: 15,
    balkanid: 5,
    baxcloud: 10,
    own: 10,
  });
  const DAY_S = 24 * HOUR_S;
  expect(Object.fromEntries(overlaps)).toEqual({
    standard: DAY_S,
    baack: DAY_S,
    basekit: DAY_S,
    balkanid: DAY_S,
    baxcloud: 0,
    own: 0,
  });
});
