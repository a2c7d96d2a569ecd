/**
 * Each policy once, in real time, with one real server: Retry-After, breaker, newest version, later delivery, cancel,
 * disabling, hold, the end, replay, mail. (Rate and order by key: policies.test.ts; how each behaves in detail is
 * simulated.) Budget: 25 s.
 */
import { describe, expect, it, onTestFinished } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { gate, startReceiver } from '../support/e2e-receiver.ts';
import type { Receiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';
import type { Server } from '../support/e2e-server.ts';
import { until, untilTrue } from '../support/e2e-until.ts';
import { startMailServer } from '../support/mail-server.ts';
import { answerText, OK, startRawReceiver } from '../support/raw-receiver.ts';

interface State {
  readonly status: string;
  readonly reason: string | null;
  readonly breaker_until: string | null;
}

interface Waiting {
  readonly id: string;
  readonly event_id: string;
  readonly status: string;
  readonly waits_for: string | null;
  readonly last_code: string | null;
}

const ONCE = { retry: { delays_s: [] } };

async function scene(env: Readonly<Record<string, string>> = {}) {
  const receiver = await startReceiver();
  const server = await startServer({ cwd: temporaryFolder(), env });
  await server.api.tenant('acme');
  return { receiver, server, ...destinationsOf(server, receiver) };
}

function destinationsOf({ api }: Server, receiver: Receiver) {
  const path = (id: string) => `/api/v1/tenants/acme/destinations/${id}`;
  return {
    destination: (id: string, policy: object) =>
      api.destination('acme', { id, url: receiver.url(`/${id}`), policy }),
    change: (id: string, patch: object) => api.ok('PATCH', path(id), patch),
    state: async (id: string) => (await api.ok<{ state: State }>('GET', path(id))).state,
    publish: (to: string, more: object = {}) =>
      api.publish({ tenant_id: 'acme', destination_id: to, data: {}, ...more }),
    delivery: async (eventId: string) => {
      const found = await api.ok<{ models: Waiting[] }>(
        'GET',
        `/api/v1/deliveries?tenant_id=acme&event_id=${eventId}`,
      );
      return found.models[0];
    },
  };
}

describe('a destination', () => {
  it('that asks to be left alone is: for so many seconds, or until a date, whatever it answers', async () => {
    const { server, publish } = await scene();
    const asks: Record<string, { readonly status: string; readonly wait: () => string }> = {
      '/busy': { status: '429 Too Many Requests', wait: () => '2' },
      '/missing': { status: '404 Not Found', wait: () => '2' },
      '/down': {
        status: '503 Service Unavailable',
        wait: () => new Date(Date.now() + 3000).toUTCString(),
      },
    };
    /** Of each path: the earliest time at which it may be asked again, as it said, and the times at which it was. */
    const allowedMs = new Map<string, number>();
    const cameMs = new Map<string, number[]>();
    const receiver = await startRawReceiver(({ line, socket }) => {
      const [, path = ''] = line.split(' ');
      const came = cameMs.get(path) ?? [];
      cameMs.set(path, [...came, Date.now()]);
      const asked = asks[path];
      if (asked === undefined || came.length > 0) {
        socket.write(OK);
        return;
      }
      const wait = asked.wait();
      const seconds = Number(wait);
      allowedMs.set(path, Number.isNaN(seconds) ? Date.parse(wait) : Date.now() + seconds * 1000);
      socket.write(answerText(asked.status, [`retry-after: ${wait}`]));
    });
    const policy = { retry: { delays_s: [0.1], jitter: 0 } };
    for (const path of Object.keys(asks)) {
      const id = path.slice(1);
      await server.api.destination('acme', { id, url: new URL(path, receiver.url).href, policy });
      await publish(id);
    }
    await receiver.received(6);
    for (const path of Object.keys(asks)) {
      const [, second = 0, ...others] = cameMs.get(path) ?? [];
      // Both clocks count whole milliseconds.
      expect(second, path).toBeGreaterThanOrEqual((allowedMs.get(path) ?? Infinity) - 1);
      expect(others).toEqual([]);
    }
    await server.stop();
  });

  it('whose breaker is open gets one probe at a time, and all that waits once it answers', async () => {
    const { receiver, server, destination, state, publish } = await scene();
    receiver.behave('/down', () => 503);
    await destination('down', { retry: { delays_s: [0.1, 0.1, 60] }, concurrency: 4 });
    for (let n = 0; n < 30; n++) await publish('down');
    const opened = await until('the breaker to open', async () => {
      const { breaker_until: openUntil } = await state('down');
      return openUntil === null ? undefined : openUntil;
    });
    expect(Date.parse(opened)).toBeGreaterThan(Date.now() - 1000);
    const waiting = await server.api.ok<{ models: Waiting[] }>(
      'GET',
      '/api/v1/deliveries?tenant_id=acme&status=pending',
    );
    expect(waiting.models.map(({ waits_for: why }) => why)).toContain('breaker');
    let underWay = 0;
    let most = 0;
    receiver.behave('/down', async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 20));
      underWay--;
      return 503;
    });
    const before = receiver.hits('/down').length;
    await receiver.wait('/down', before + 1);
    expect(most).toBe(1);
    receiver.behave('/down', () => 200);
    await untilTrue('the first of the backlog', () => receiver.hits('/down').length > before + 2);
    expect(await state('down')).toMatchObject({ breaker_until: null });
    await server.stop();
  });

  it('that wants the newest version gets no older one that still waited', async () => {
    const { receiver, server, destination, publish, delivery } = await scene();
    const held = gate();
    receiver.behave('/latest', held.behaviour);
    await destination('latest', { order: 'latest', concurrency: 1 });
    const version = (a: number) =>
      publish('latest', { data: { a }, resource: { urn: 'urn:1', vector_clock: { a } } });
    await version(1);
    await receiver.wait('/latest', 1);
    const second = await version(2);
    const third = await version(3);
    held.release();
    await untilTrue('the newest', async () => (await delivery(third))?.status === 'delivered');
    expect(await delivery(second)).toMatchObject({ status: 'canceled', last_code: 'superseded' });
    const came = receiver.hits('/latest').map(({ body }) => JSON.parse(body) as { data: object });
    expect(came.map(({ data }) => data)).toEqual([{ a: 1 }, { a: 3 }]);
    await server.stop();
  });

  it('gets at its time what is for later, and not what was canceled before', async () => {
    const { receiver, server, destination, publish, delivery } = await scene();
    await destination('later', {});
    const deliverAtMs = Date.now() + 1500;
    const deliverAt = new Date(deliverAtMs).toISOString();
    const kept = await publish('later', { deliver_at: deliverAt });
    const dropped = await publish('later', { deliver_at: deliverAt });
    const { id, ...shown } = (await delivery(dropped)) ?? { id: '' };
    expect(shown).toMatchObject({ status: 'pending', waits_for: 'deliver_at' });
    await server.api.ok('POST', `/api/v1/deliveries/${id}/cancel`);
    const [hit] = await receiver.wait('/later', 1);
    expect(hit?.id).toBe(kept);
    expect(hit?.atMs).toBeGreaterThanOrEqual(deliverAtMs - 1);
    await untilTrue(
      'it to be on record',
      async () => (await delivery(kept))?.status === 'delivered',
    );
    expect(await delivery(dropped)).toMatchObject({ status: 'canceled' });
    expect(receiver.hits('/later')).toHaveLength(1);
    await server.stop();
  });

  it('that fails too often is disabled; what is held meanwhile comes when it is enabled', async () => {
    const { receiver, server, destination, state, publish, delivery } = await scene();
    receiver.behave('/held', () => 500);
    const disable = { consecutive_failures: 3 };
    await destination('held', { ...ONCE, disable, while_disabled: 'hold' });
    await destination('dropped', { ...ONCE, disable });
    receiver.behave('/dropped', () => 500);
    for (const id of ['held', 'dropped']) {
      for (let n = 0; n < 3; n++) await publish(id);
      await untilTrue(`${id} to be disabled`, async () => (await state(id)).status === 'disabled');
      expect(await state(id)).toMatchObject({ reason: 'consecutive_failures' });
    }
    const missed = await publish('held');
    expect(await delivery(missed)).toMatchObject({ status: 'pending', waits_for: 'disabled' });
    // The one that drops is owed nothing any more.
    expect(await delivery(await publish('dropped'))).toBeUndefined();
    receiver.behave('/held', () => 200);
    await server.api.ok('PUT', '/api/v1/tenants/acme/destinations/held/enable');
    await untilTrue(
      'what was missed',
      async () => (await delivery(missed))?.status === 'delivered',
    );
    const audit = await server.api.ok<{ models: { actor: { type: string; name: string } }[] }>(
      'GET',
      '/api/v1/audit?action=destination.disabled',
    );
    const rule = { type: 'engine', id: null, name: 'consecutive_failures' };
    expect(audit.models.map(({ actor }) => actor)).toEqual([rule, rule]);
    await server.stop();
  });

  it('that has come to its end gets nothing more, until it is renewed', async () => {
    const { receiver, server, change, state, publish, delivery } = await scene();
    await server.api.ok('POST', '/api/v1/tenants/acme/destinations', {
      id: 'ending',
      type: 'webhook',
      profile: 'baack',
      topics: '*',
      config: { url: receiver.url('/ending') },
      credentials: { secret: 'a secret of the subscriber' },
    });
    await publish('ending');
    await change('ending', { expires_at: new Date(Date.now() + 700).toISOString() });
    const subscription = async () =>
      await server.api.ok('GET', '/api/v1/webhooksubscriptions/ending?tenant_id=acme');
    await untilTrue('its end', async () => (await state('ending')).status === 'expired');
    expect(await delivery(await publish('ending'))).toBeUndefined();
    await untilTrue('the engine to disable it', async () => {
      const shown = await server.api.ok<{ disabled_at: string | null }>(
        'GET',
        '/api/v1/tenants/acme/destinations/ending',
      );
      return shown.disabled_at !== null;
    });
    expect(await subscription()).toMatchObject({ status: 'EXPIRED', statusReason: 'expired' });
    await change('ending', { expires_at: new Date(Date.now() + 60_000).toISOString() });
    const renewed = await publish('ending');
    await untilTrue('one more', async () => (await delivery(renewed))?.status === 'delivered');
    expect(receiver.hits('/ending')).toHaveLength(2);
    await server.stop();
  });

  it('gets with a replay what failed, with the id of the first time', async () => {
    const { receiver, server, destination, publish } = await scene();
    receiver.behave('/again', ({ body }) => (body.includes('bad') ? 404 : 200));
    await destination('again', ONCE);
    const failed = await publish('again', { data: { kind: 'bad' } });
    await publish('again', { data: { kind: 'good' } });
    await untilTrue('both attempts', async () => await server.api.isIdle());
    receiver.behave('/again', () => 200);
    const asked = {
      tenant_id: 'acme',
      destination_id: 'again',
      select: 'failed',
      time: { gte: new Date(Date.now() - 60_000).toISOString() },
    };
    const path = '/api/v1/replays';
    expect(await server.api.ok('POST', path, { ...asked, dry_run: true })).toEqual({ count: 1 });
    const { id } = await server.api.ok<{ id: string }>('POST', path, asked);
    await untilTrue('its end', async () => {
      const { status } = await server.api.ok<{ status: string }>('GET', `${path}/${id}`);
      return status === 'completed';
    });
    expect(receiver.hits('/again').filter((hit) => hit.id === failed)).toHaveLength(2);
    expect(receiver.hits('/again')).toHaveLength(3);
    await server.stop();
  });
});

describe('a tenant’s contact', () => {
  it('gets a mail of a delivery that failed for good, with a link that tries it again', async () => {
    const smtp = await startMailServer();
    onTestFinished(() => smtp.close());
    const { receiver, server, publish, delivery } = await scene({
      ANGARIUM_SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
    });
    const { api } = server;
    await api.ok('PUT', '/api/v1/tenants/acme', { contacts: [{ email: 'ops@example.com' }] });
    await api.ok('POST', '/api/v1/tenants/acme/destinations', {
      id: 'mailed',
      type: 'webhook',
      profile: 'baxcloud',
      topics: '*',
      config: { url: receiver.url('/mailed') },
      policy: ONCE,
    });
    receiver.behave('/mailed', () => 500);
    const id = await publish('mailed');
    const mail = await until('the mail', () => smtp.taken[0]?.mail);
    expect(mail.to).toEqual([{ name: '', address: 'ops@example.com' }]);
    expect(mail.text).toContain(id);
    const [, token] = /\/mail\/retry\?token=(\S+)/.exec(mail.text ?? '') ?? [];
    receiver.behave('/mailed', () => 200);
    expect((await api.send('POST', `/mail/retry?token=${token}`)).status).toBe(200);
    await untilTrue('the retry', async () => (await delivery(id))?.status === 'delivered');
    await server.stop();
  });
});
