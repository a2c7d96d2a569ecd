/**
 * Sends what is in the outbox, over SMTP: at least once, each recipient for itself. What the server takes just now it
 * takes later, a bounded number of times; what it refuses for good is given up.
 */
import { hash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { Clock } from '../domain/clock.ts';
import type { MailLinks } from '../domain/mail-link.ts';
import type { Service } from '../engine/service.ts';
import type { DueMail, MailResult } from '../storage/mail-storage.ts';
import type { Storage } from '../storage/storage.ts';
import { MAIL_TOPICS } from './mail-texts.ts';
import type { MailTemplates, MailTopic } from './mail-texts.ts';
import { MAIL_GAP_MS } from './notice-mails.ts';

export interface MailLog {
  /** A mail could not be sent; tried again. */
  mailFailed(reason: string, error: unknown): void;
  /** A mail was given up. */
  mailGivenUp(reason: string, tenantId: string, error: unknown): void;
}

export interface MailerParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly links: MailLinks;
  readonly templates: MailTemplates;
  readonly log: MailLog;
  readonly smtpUrl: string;
  readonly from: string;
  /** The base of links. */
  readonly publicUrl: string;
}

const MINUTE_MS = 60_000;
/** Before each further try. */
const RETRIES_MS = [1, 5, 15, 60, 180, 360, 720].map((minutes) => minutes * MINUTE_MS);
const MAX_ROUND = 20;
const BETWEEN_ROUNDS_MS = 5000;
const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 30_000;
const RETRY_LINK_MS = 7 * 24 * 60 * MINUTE_MS;

export class Mailer implements Service {
  readonly name = 'mailer';
  readonly #parts: MailerParts;
  readonly #transport: ReturnType<typeof createTransport>;

  constructor(parts: MailerParts) {
    this.#parts = parts;
    this.#transport = createTransport({
      ...smtpOptions(parts.smtpUrl),
      pool: true,
      maxConnections: 2,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      greetingTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: ANSWER_TIMEOUT_MS,
      // Nothing of a mail is read from a file or fetched from somewhere.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async poll(): Promise<number> {
    const { storage, clock } = this.#parts;
    const due = await storage.mailsDue({ nowMs: clock.nowMs(), limit: MAX_ROUND });
    for (const mail of due) {
      const result = await this.#send(mail);
      await storage.mailSettled({ no: mail.no, result, nowMs: clock.nowMs() });
    }
    return due.length === MAX_ROUND ? 0 : BETWEEN_ROUNDS_MS;
  }

  close(): void {
    this.#transport.close();
  }

  async #send(mail: DueMail): Promise<MailResult> {
    const { storage, log, clock } = this.#parts;
    const { tenantId, recipient, reason, count, items } = mail;
    const topic = MAIL_TOPICS.find((each) => reason === each || reason.startsWith(`${each}:`));
    const defaults = await storage.tenantDefaultsGet({ id: tenantId });
    const isContact = defaults?.settings.contacts?.some(({ email }) => email === recipient);
    if (topic === undefined || isContact !== true) return { kind: 'given_up' };
    const tenant = defaults?.settings.name ?? tenantId;
    const stored = await storage.destinationGet({ tenantId, id: mail.destinationId });
    try {
      await this.#mail(mail, topic, tenant, stored?.name ?? mail.destinationId);
      return { kind: 'sent', count, items: items.length, gapMs: MAIL_GAP_MS };
    } catch (error) {
      const waitMs = RETRIES_MS[mail.failures];
      if (isRefusal(error) || waitMs === undefined) {
        log.mailGivenUp(reason, tenantId, error);
        return { kind: 'given_up' };
      }
      log.mailFailed(reason, error);
      return { kind: 'retry', atMs: clock.nowMs() + waitMs };
    }
  }

  async #mail(mail: DueMail, topic: MailTopic, tenant: string, destination: string): Promise<void> {
    const { from, templates } = this.#parts;
    const unsubscribeUrl = this.#unsubscribeUrl(mail);
    const items = mail.items.map((item) => ({ ...item.data, ...this.#retryUrl(mail, item.data) }));
    const { subject, text, html } = templates.render(topic, {
      tenant,
      tenant_id: mail.tenantId,
      destination,
      destination_id: mail.destinationId,
      count: mail.count,
      items,
      last: items.at(-1),
      more: Math.max(0, mail.count - items.length),
      unsubscribe_url: unsubscribeUrl,
    });
    await this.#transport.sendMail({
      from,
      to: { name: '', address: mail.recipient },
      subject,
      text,
      html,
      messageId: this.#messageId(mail),
      headers: {
        // RFC 8058: one click, by a POST.
        'List-Unsubscribe': `<${unsubscribeUrl}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        // RFC 3834: no out-of-office answers.
        'Auto-Submitted': 'auto-generated',
      },
    });
  }

  #unsubscribeUrl({ tenantId, recipient }: DueMail): string {
    const { links, publicUrl } = this.#parts;
    const token = links.sign({ kind: 'unsubscribe', tenantId, recipient });
    return `${publicUrl}/mail/unsubscribe?token=${token}`;
  }

  #retryUrl(
    { tenantId, destinationId, reason }: DueMail,
    data: Readonly<Record<string, unknown>>,
  ): { retry_url?: string } {
    const eventId = data['event_id'];
    if (reason !== 'delivery.failed' || typeof eventId !== 'string') return {};
    const { links, publicUrl, clock } = this.#parts;
    const expiresAtMs = clock.nowMs() + RETRY_LINK_MS;
    const token = links.sign({ kind: 'retry', tenantId, eventId, destinationId, expiresAtMs });
    return { retry_url: `${publicUrl}/mail/retry?token=${token}` };
  }

  /** The same where the same mail is sent again: mail programs show it once. */
  #messageId({ no, items, count, recipient }: DueMail): string {
    const identity = JSON.stringify([no, recipient, count, items.map(({ id }) => id)]);
    const domain = /@([^\s@>]+)>?\s*$/.exec(this.#parts.from)?.[1] ?? 'angarium.invalid';
    return `<${hash('sha256', identity).slice(0, 32)}@${domain}>`;
  }
}

/** `smtp://user:password@host:port`, or `smtps:` for TLS from the start. */
function smtpOptions(smtpUrl: string) {
  const url = new URL(smtpUrl);
  const secure = url.protocol === 'smtps:';
  const port = url.port === '' ? (secure ? 465 : 587) : Number(url.port);
  const user = decodeURIComponent(url.username);
  const pass = decodeURIComponent(url.password);
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  return { host, port, secure, ...(user === '' ? {} : { auth: { user, pass } }) };
}

/** The server will say the same again (RFC 5321, 4.2.1). A wrong password may be put right. */
function isRefusal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('responseCode' in error)) return false;
  const isSignIn = 'code' in error && error.code === 'EAUTH';
  return typeof error.responseCode === 'number' && error.responseCode >= 500 && !isSignIn;
}
