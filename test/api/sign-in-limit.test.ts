/** Failed sign-ins are counted by address. */
import { describe, expect, it } from 'vitest';
import { SignInLimit } from '../../src/http/sign-in-limit.ts';
import { MovedClock } from '../support/api-clock.ts';
import { API_KEY, withApi } from '../support/api-server.ts';
import type { ApiOptions, ApiServer } from '../support/api-server.ts';

const MAX = 3;

async function withLimit(
  test: (api: ApiServer, clock: MovedClock) => Promise<void>,
  options: ApiOptions = {},
): Promise<void> {
  const clock = new MovedClock();
  await withApi({ clock, maxFailedSignIns: MAX, ...options }, (api) => test(api, clock));
}

async function failures(api: ApiServer, count: number, headers = {}): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index++)
    statuses.push((await api.get('/v1/tenants', { key: `wrong-${index}`, headers })).status);
  return statuses;
}

describe('who sends wrong credentials again and again', () => {
  it('is told to wait, and no longer than to the end of the minute', () =>
    withLimit(async (api, clock) => {
      expect(await failures(api, MAX + 2)).toEqual([401, 401, 401, 429, 429]);
      clock.move(30_000);
      const { headers } = await api.get('/v1/tenants', { key: 'wrong' });
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(30);
      clock.move(30_000);
      expect(await failures(api, MAX + 1)).toEqual([401, 401, 401, 429]);
    }));

  it('still gets in with a good one', () =>
    withLimit(async (api) => {
      const { token } = await api.key('read');
      const tenantId = await api.tenant();
      const tenantToken = await api.token(tenantId);
      await failures(api, MAX + 1);
      for (const key of [API_KEY, token, tenantToken])
        expect((await api.get('/v1/tenants', { key })).status).toBe(200);
      expect(await failures(api, 1)).toEqual([429]);
    }));

  it('is not counted where nothing was sent, or what was sent was good but not enough', () =>
    withLimit(async (api) => {
      const { token } = await api.key('read');
      for (let index = 0; index < MAX + 1; index++) {
        expect((await api.get('/v1/tenants', { key: null })).status).toBe(401);
        expect((await api.get('/v1/keys', { key: token })).status).toBe(403);
      }
      expect(await failures(api, MAX)).toEqual([401, 401, 401]);
    }));

  it('is counted under a path that is not there, too', () =>
    withLimit(async (api) => {
      for (let index = 0; index < MAX; index++) await api.get('/v1/nothing', { key: 'wrong' });
      expect(await failures(api, 1)).toEqual([429]);
    }));

  it('cannot choose the address, unless a proxy that is trusted tells it', async () => {
    const from = (address: string) => ({ 'x-forwarded-for': address });
    await withLimit(async (api) => {
      await failures(api, MAX, from('192.0.2.1'));
      expect(await failures(api, 1, from('192.0.2.2'))).toEqual([429]);
    });
    await withLimit(
      async (api) => {
        await failures(api, MAX, from('192.0.2.1'));
        expect(await failures(api, 1, from('192.0.2.1'))).toEqual([429]);
        expect(await failures(api, 1, from('192.0.2.2'))).toEqual([401]);
      },
      { trustProxy: ['127.0.0.0/8'] },
    );
  });
});

describe('addresses', () => {
  const isOver = (limit: SignInLimit, address: string) =>
    limit.failed(address).retryAfterS !== null;

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['2001:db8:1:2::1', '2001:db8:1:2:0:0:0:7', true],
    ['2001:db8::1', '2001:db8:0:0:5::1', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['::1', '::2', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
  ])('%s and %s count together: %s', (one, other, together) => {
    const limit = new SignInLimit(new MovedClock(), 1);
    expect(isOver(limit, one)).toBe(false);
    expect(isOver(limit, other)).toBe(together);
  });

  it('are forgotten oldest first where there are very many', () => {
    const limit = new SignInLimit(new MovedClock(), 1);
    const address = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    for (let index = 0; index <= 10_000; index++) limit.failed(address(index));
    expect(isOver(limit, address(10_000))).toBe(true);
    expect(isOver(limit, address(0))).toBe(false);
  });

  it('are said once a window', () => {
    const limit = new SignInLimit(new MovedClock(), 2);
    const said = [1, 2, 3, 4].map(() => limit.failed('192.0.2.1').isFirstOver);
    expect(said).toEqual([false, false, true, false]);
  });
});
