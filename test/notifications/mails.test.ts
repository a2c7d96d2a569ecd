/** Mails, sent over SMTP to a real server, and their links. (What each topic's says: mail-topics.test.ts.) */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { MailLinks } from '../../src/domain/mail-link.ts';
import type { Notice } from '../../src/domain/notice.ts';
import { MailTemplateError } from '../../src/notifications/mail-template-error.ts';
import { loadMailTemplates } from '../../src/notifications/mail-texts.ts';
import { useApi } from '../support/api-server.ts';
import { LINKS, mailScene } from '../support/mail-scene.ts';
import type { MailSceneOptions } from '../support/mail-scene.ts';
import { startMailServer } from '../support/mail-server.ts';
import type { MailServer } from '../support/mail-server.ts';

const api = useApi();
let smtp: MailServer;

beforeAll(async () => {
  smtp = await startMailServer();
});
afterAll(() => smtp.close());

const scene = (options: MailSceneOptions = {}) => mailScene(api(), smtp, options);

function failed(tenantId: string, destinationId: string, eventId: string): Notice {
  return {
    topic: 'delivery.failed',
    tenantId,
    destinationId,
    atMs: systemClock.nowMs(),
    key: eventId,
    deliveryId: 'dlv_1',
    eventId,
    eventTopic: 'a<b>',
    attempts: 6,
    code: '500',
    isMailed: true,
  };
}

describe('a mail', () => {
  it('says what happened in text and HTML, escaped, and can be refused with one click', async () => {
    const { tenantId, id, email, tell, mails } = await scene();
    await tell(failed(tenantId, id, 'evt_1'));
    const [mail, ...others] = await mails();
    expect(others).toEqual([]);
    expect(mail?.subject).toBe('Webhook deliveries to Bill & Co failed (1)');
    expect(mail?.to).toEqual([{ name: '', address: email }]);
    expect(mail?.from).toEqual({ name: 'Hooks', address: 'hooks@example.com' });
    expect(mail?.text).toContain('a<b>, event evt_1, after 6 attempts (500)');
    expect(mail?.html).toContain('a&lt;b&gt;, event evt_1');
    expect(mail?.html).toContain('contact of Shop &lt;1&gt;');
    const header = (name: string) => mail?.headers.find(({ key }) => key === name)?.value;
    expect(header('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click');
    const link = /<http:\/\/127\.0\.0\.1:8080(\/mail\/unsubscribe\?token=[^>]+)>/.exec(
      header('list-unsubscribe') ?? '',
    )?.[1];
    const shown = await api().server.inject({ method: 'GET', url: link ?? '' });
    expect(shown.statusCode).toBe(200);
    await tell(failed(tenantId, id, 'evt_2'));
    const done = await api().server.inject({
      method: 'POST',
      url: link ?? '',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'List-Unsubscribe=One-Click',
    });
    expect(done.statusCode).toBe(200);
    await tell(failed(tenantId, id, 'evt_3'));
    expect(await mails()).toEqual([]);
  });

  it('is one an hour for a destination and reason, and counts what came meanwhile', async () => {
    const { tenantId, id, clock, tell, mails } = await scene();
    await tell(failed(tenantId, id, 'evt_1'));
    expect(await mails()).toHaveLength(1);
    for (let n = 2; n < 32; n++) await tell(failed(tenantId, id, `evt_${n}`));
    expect(await mails()).toEqual([]);
    clock.move(59 * 60_000);
    expect(await mails()).toEqual([]);
    clock.move(60_000);
    const [digest, ...others] = await mails();
    expect(others).toEqual([]);
    expect(digest?.subject).toContain('failed (30)');
    expect(digest?.text).toContain('and 10 more');
    clock.move(2 * 3_600_000);
    expect(await mails()).toEqual([]);
  });

  it('waits where the server does not take it, and is given up where it refuses for good', async () => {
    const { tenantId, id, clock, tell, mails, logged } = await scene();
    smtp.refuse(451, 554);
    await tell(failed(tenantId, id, 'evt_1'));
    expect(await mails()).toEqual([]);
    expect(await mails()).toEqual([]);
    clock.move(60_000);
    expect(await mails()).toEqual([]);
    clock.move(24 * 3_600_000);
    expect(await mails()).toEqual([]);
    expect(logged).toEqual(['failed delivery.failed', 'given up delivery.failed']);
  });

  it('has the text of the operator where there is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'angarium-mails-'));
    writeFileSync(
      join(folder, 'delivery.failed.subject.mustache'),
      'Oh: {{destination}} {{count}}',
    );
    const { tenantId, id, tell, mails } = await scene({ folder });
    rmSync(folder, { recursive: true });
    await tell(failed(tenantId, id, 'evt_1'));
    const [mail] = await mails();
    expect(mail?.subject).toBe('Oh: Bill & Co 1');
    expect(mail?.text).toContain('event evt_1');
  });

  it('has no text of the operator that cannot be used: all that is wrong is said, by file and line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'angarium-mails-'));
    const write = (name: string, text: string) =>
      writeFileSync(join(folder, `${name}.mustache`), text);
    write('delivery.failed.subject', 'fine {{destination}}');
    write('delivery.failed.text', 'one\n{{#items}}\nthree {{at}\nfour');
    write('delivery.failed.html', 'one\n\n{{#items}}{{/item}}');
    write('destination.expired.text', 'one\n{{#items}}\n{{> footer}}{{/items}}');
    write('destination.disbled.text', '');
    let said = '';
    try {
      loadMailTemplates(folder);
    } catch (error) {
      if (error instanceof MailTemplateError) said = error.message;
    }
    rmSync(folder, { recursive: true });
    const [first, ...problems] = said.split('\n').map((line) => line.replaceAll(folder, '').trim());
    expect(first).toBe('the mail templates are wrong:');
    expect(problems).toEqual([
      '/delivery.failed.html.mustache:3: Unclosed section "items", in Mustache (mustache(5))',
      '/delivery.failed.text.mustache:3: Unclosed tag, in Mustache (mustache(5))',
      expect.stringMatching(
        /^\/destination\.disbled\.text\.mustache: there is no such template/,
      ) as string,
      '/destination.expired.text.mustache:3: {{> footer}}: a template cannot take in another one',
    ]);
    expect(() => loadMailTemplates(join(folder, 'none'))).toThrow(
      /^ANGARIUM_MAIL_TEMPLATES: .*none cannot be read \(ENOENT.*\): name a folder$/,
    );
  });

  it('goes only to those who are contacts still', async () => {
    const { tenantId, id, tell, mails } = await scene();
    await tell(failed(tenantId, id, 'evt_1'));
    await api().put(`/v1/tenants/${tenantId}`, { contacts: [] });
    expect(await mails()).toEqual([]);
  });
});

describe('the link to try again', () => {
  it('does nothing when it is looked at, and one more attempt when it is confirmed', async () => {
    const { tenantId, id, tell, mails } = await scene();
    const { body } = await api().publish({ tenant_id: tenantId, topic: 'a', data: {} });
    const attempts = async () => {
      const found = await api().get<{ models: unknown[] }>(
        `/v1/attempts?event_id=${body.id}&tenant_id=${tenantId}`,
      );
      return found.body.models.length;
    };
    await expect.poll(attempts).toBe(1);
    await tell(failed(tenantId, id, body.id));
    const [mail] = await mails();
    const link = /http:\/\/127\.0\.0\.1:8080(\/mail\/retry\?token=\S+)/.exec(mail?.text ?? '')?.[1];
    const shown = await api().server.inject({ method: 'GET', url: link ?? '' });
    expect(shown.body).toContain('<form method="post">');
    expect(await attempts()).toBe(1);
    await api().server.inject({ method: 'POST', url: link ?? '' });
    await expect.poll(attempts).toBe(2);
  });

  it('is refused where it was changed, is another’s or too old', async () => {
    const link = { kind: 'retry', tenantId: 't', eventId: 'e', destinationId: 'd' } as const;
    const good = LINKS.sign({ ...link, expiresAtMs: systemClock.nowMs() + 60_000 });
    const tokens = [
      LINKS.sign({ ...link, expiresAtMs: 0 }),
      new MailLinks([new Uint8Array(32)]).sign({ ...link, expiresAtMs: 1e15 }),
      LINKS.sign({ kind: 'unsubscribe', tenantId: 't', recipient: 'a@b' }),
      // Only four bits of the last character count, and these two differ in them.
      `${good.slice(0, -1)}${good.endsWith('A') ? 'Q' : 'A'}`,
      `x${good}`,
      '',
      'a.b.c',
    ];
    for (const token of tokens) {
      const { statusCode } = await api().server.inject({
        method: 'POST',
        url: `/mail/retry?token=${encodeURIComponent(token)}`,
      });
      expect(statusCode, token).toBe(404);
    }
  });
});
