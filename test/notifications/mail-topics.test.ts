/** What each mail says, which happenings make one, and how it gets to a server that asks for TLS and a password. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import { MAIL_TOPICS } from '../../src/notifications/mail-texts.ts';
import type { MailTopic } from '../../src/notifications/mail-texts.ts';
import { useApi } from '../support/api-server.ts';
import { createCertificate } from '../support/certificate.ts';
import { mailScene } from '../support/mail-scene.ts';
import { startMailServer } from '../support/mail-server.ts';
import type { MailServer } from '../support/mail-server.ts';

const api = useApi();
let smtp: MailServer;

beforeAll(async () => {
  smtp = await startMailServer();
});
afterAll(() => smtp.close());

const AT = '2026-11-22T10:00:00.000Z';
const DAY_MS = 86_400_000;
const atMs = Date.parse(AT);
const dayText = (days: number) => new Date(atMs + days * DAY_MS).toISOString();

/** Everything of a notice but whose it is. */
type Happening = Notice extends infer Each
  ? Each extends Notice
    ? Omit<Each, 'tenantId' | 'destinationId' | 'atMs' | 'key'>
    : never
  : never;

let lastKey = 0;

/** It happens, each time anew. */
function noticeOf(tenantId: string, destinationId: string, happening: Happening): Notice {
  return { tenantId, destinationId, atMs, key: `key ${++lastKey}`, ...happening };
}

const DELIVERY = { deliveryId: 'dlv_1', eventId: 'evt_1', eventTopic: 'a.b', code: '503' };
const FAILING: Happening = {
  topic: 'destination.failing',
  consecutiveFailures: 70,
  failingSinceMs: atMs - DAY_MS,
  percent: 70,
};
const DISABLED: Happening = {
  topic: 'destination.disabled',
  reason: 'exhausted',
  consecutiveFailures: 10,
};
const EXPIRING: Happening = {
  topic: 'destination.expiring',
  expiresAtMs: atMs + 7 * DAY_MS,
  daysLeft: 7,
};

interface Expected {
  readonly happening: Happening;
  readonly subject: string;
  readonly says: string;
  readonly item: string;
}

const EXPECTED: Record<MailTopic, Expected> = {
  'destination.failing': {
    happening: FAILING,
    subject: 'Webhooks to Bill & Co are failing',
    says: `Deliveries to Bill & Co have failed 70 times in a row, since ${dayText(-1)}. It is 70 % on the way to being disabled.`,
    item: `${AT}: 70 failures in a row`,
  },
  'destination.disabled': {
    happening: DISABLED,
    subject: 'Webhooks to Bill & Co were stopped',
    says: 'Bill & Co was disabled (exhausted). It gets nothing until it is enabled again.',
    item: `${AT}: exhausted`,
  },
  'destination.unsubscribed': {
    happening: { topic: 'destination.unsubscribed' },
    subject: 'Bill & Co was unsubscribed',
    says: 'Bill & Co answered that it is gone, and was unsubscribed.',
    item: AT,
  },
  'destination.expiring': {
    happening: EXPIRING,
    subject: `Webhooks to Bill & Co end on ${dayText(7)}`,
    says: `Bill & Co ends on ${dayText(7)}, and gets nothing from that moment on. Renew it to keep it.`,
    item: `${AT}: ends on ${dayText(7)}`,
  },
  'destination.expired': {
    happening: { topic: 'destination.expired', expiresAtMs: atMs },
    subject: 'Webhooks to Bill & Co have ended',
    says: `Bill & Co ended on ${AT}. Renew it to have its events delivered.`,
    item: AT,
  },
  'delivery.failed': {
    happening: { topic: 'delivery.failed', ...DELIVERY, attempts: 6, isMailed: true },
    subject: 'Webhook deliveries to Bill & Co failed (1)',
    says: 'Deliveries to Bill & Co that failed for good: 1.',
    item: `${AT}: a.b, event evt_1, after 6 attempts (503)`,
  },
};

/** As a reader sees it. */
function textOfHtml(html: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return html.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) =>
    typeof name === 'string'
      ? (named[name] ?? all)
      : String.fromCodePoint(
          hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16),
        ),
  );
}

describe('a mail of', () => {
  it.each(MAIL_TOPICS)('%s says what happened, in text and in HTML', async (topic) => {
    const { happening, subject, says, item } = EXPECTED[topic];
    const { tenantId, id, email, tell, mails } = await mailScene(api(), smtp);
    await tell(noticeOf(tenantId, id, happening));
    const [mail, ...others] = await mails();
    expect(others).toEqual([]);
    expect(mail?.to).toEqual([{ name: '', address: email }]);
    expect(mail?.subject).toBe(subject);
    const link = mail?.headers.find(({ key }) => key === 'list-unsubscribe')?.value.slice(1, -1);
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:8080\/mail\/unsubscribe\?token=/);
    const lines = (mail?.text ?? '').split('\n');
    expect(lines).toEqual(expect.arrayContaining([says, `- ${item}`]));
    expect(lines).toContain('You get this as a contact of Shop <1>.');
    expect(lines).toContain(`No more of these: ${link}`);
    const html = textOfHtml(mail?.html ?? '');
    expect(html).toContain(`<p>${says}</p>`);
    expect(html).toContain(`<li>${item}`);
    expect(html).toContain(`<a href="${link}">No more of these</a>`);
    expect(mail?.html).toContain('Bill &amp; Co');
    // Nothing is left open, or said of what is not there.
    for (const part of [mail?.subject, mail?.text, mail?.html])
      expect(part).not.toMatch(/\{\{|\}\}|undefined|null|NaN|\(\)/);
    expect(lines.some((line) => line.includes('Try again'))).toBe(topic === 'delivery.failed');
  });

  it('a destination that is deleted meanwhile calls it by its id', async () => {
    const { tenantId, id, tell, mails } = await mailScene(api(), smtp);
    await api().delete(`/v1/tenants/${tenantId}/destinations/${id}`);
    await tell(noticeOf(tenantId, id, { topic: 'destination.unsubscribed' }));
    expect((await mails()).map(({ subject }) => subject)).toEqual([`${id} was unsubscribed`]);
  });
});

describe('no mail comes of', () => {
  it.each<[what: string, happening: Happening]>([
    ['failures that are no percentage of a rule', { ...FAILING, percent: null }],
    ['a recovery', { topic: 'destination.recovered' }],
    ['a delivery that failed where the profile does not mail it', withoutMail()],
    ['an attempt that failed', { topic: 'attempt.failed', ...DELIVERY, number: 1 }],
    ['one that delivered', { topic: 'attempt.delivered', ...DELIVERY, code: '200', number: 1 }],
  ])('%s', async (_what, happening) => {
    const { tenantId, id, tell, mails } = await mailScene(api(), smtp);
    await tell(noticeOf(tenantId, id, happening));
    expect(await mails()).toEqual([]);
  });

  function withoutMail(): Happening {
    return { topic: 'delivery.failed', ...DELIVERY, attempts: 6, isMailed: false };
  }
});

describe('within one hour', () => {
  it('each destination and each reason has a mail of its own, at once', async () => {
    const { tenantId, id, tell, mails } = await mailScene(api(), smtp);
    const { id: otherId } = await api().destination(tenantId, { name: 'Elsewhere' });
    const gone: Happening = { ...DISABLED, reason: 'gone' };
    const subjects = async () => (await mails()).map(({ subject }) => subject ?? '').toSorted();
    await tell(noticeOf(tenantId, id, DISABLED), noticeOf(tenantId, otherId, DISABLED));
    expect(await subjects()).toEqual([
      'Webhooks to Bill & Co were stopped',
      'Webhooks to Elsewhere were stopped',
    ]);
    await tell(noticeOf(tenantId, id, gone), noticeOf(tenantId, id, EXPIRING));
    expect(await subjects()).toEqual([
      `Webhooks to Bill & Co end on ${dayText(7)}`,
      'Webhooks to Bill & Co were stopped',
    ]);
    await tell(...[DISABLED, gone, EXPIRING].map((each) => noticeOf(tenantId, id, each)));
    expect(await subjects()).toEqual([]);
  });

  it('the warnings at 50, 70 and 90 % are one mail and one more, the last one counting', async () => {
    const { tenantId, id, clock, tell, mails } = await mailScene(api(), smtp);
    const at = (percent: 50 | 70 | 90) =>
      noticeOf(tenantId, id, { ...FAILING, consecutiveFailures: percent, percent });
    await tell(at(50));
    expect((await mails()).map(({ text }) => text)).toEqual([
      expect.stringContaining('50 % on the way'),
    ]);
    await tell(at(70), at(90));
    expect(await mails()).toEqual([]);
    clock.move(60 * 60_000);
    const [mail, ...others] = await mails();
    expect(others).toEqual([]);
    expect(mail?.text).toContain('90 % on the way');
    expect(mail?.text).not.toContain('70 % on the way');
    expect(mail?.text).toContain(`- ${AT}: 70 failures in a row\n- ${AT}: 90 failures in a row`);
  });
});

describe('a mail server with TLS', () => {
  const authority = createCertificate(['authority.test']);
  const user = { name: 'hooks@example.com', password: 'p:ä/ß%@?#' };
  const signIn = `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}`;
  const trusted = getCACertificates('default');

  async function secured(begins: 'at once' | 'when asked') {
    const certificate = createCertificate(['127.0.0.1'], { issuer: authority });
    const server = await startMailServer({ tls: { ...certificate, begins }, user });
    onTestFinished(() => server.close());
    onTestFinished(() => setDefaultCACertificates(trusted));
    return server;
  }

  it.each([
    ['smtps', 'at once'],
    ['smtp', 'when asked'],
  ] as const)('gets mails by %s:, encrypted %s, from who signs in', async (scheme, begins) => {
    const server = await secured(begins);
    setDefaultCACertificates([...trusted, authority.cert]);
    const smtpUrl = `${scheme}://${signIn}@127.0.0.1:${server.port}`;
    const { tenantId, id, tell, mails, logged } = await mailScene(api(), server, { smtpUrl });
    await tell(noticeOf(tenantId, id, DISABLED));
    await mails();
    expect(logged).toEqual([]);
    expect(server.taken).toMatchObject([
      {
        isEncrypted: true,
        user: user.name,
        mail: { subject: 'Webhooks to Bill & Co were stopped' },
      },
    ]);
  });

  it.each([
    ['whose certificate nobody vouches for', signIn, []],
    ['that does not know the password', 'hooks%40example.com:wrong', [authority.cert]],
  ])('%s gets none; it waits', async (_what, credentials, authorities) => {
    const server = await secured('at once');
    setDefaultCACertificates([...trusted, ...authorities]);
    const smtpUrl = `smtps://${credentials}@127.0.0.1:${server.port}`;
    const { tenantId, id, tell, mails, logged } = await mailScene(api(), server, { smtpUrl });
    await tell(noticeOf(tenantId, id, DISABLED));
    expect(await mails()).toEqual([]);
    expect(logged).toEqual(['failed destination.disabled:exhausted']);
  });
});
