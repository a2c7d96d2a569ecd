/** A tenant with a contact, and what mails him: notices are told, and what is due is sent to a mail server. */
import { onTestFinished } from 'vitest';
import { MailLinks } from '../../src/domain/mail-link.ts';
import type { Notice } from '../../src/domain/notice.ts';
import type { EngineLog } from '../../src/engine/engine-log.ts';
import { Notices } from '../../src/engine/notices.ts';
import { loadMailTemplates } from '../../src/notifications/mail-texts.ts';
import { Mailer } from '../../src/notifications/mailer.ts';
import { mailListener } from '../../src/notifications/notice-mails.ts';
import { MovedClock } from './api-clock.ts';
import { ENCRYPTION_KEY } from './api-server.ts';
import type { ApiServer } from './api-server.ts';
import type { MailServer } from './mail-server.ts';

const PUBLIC_URL = 'http://127.0.0.1:8080';
export const LINKS = new MailLinks([ENCRYPTION_KEY]);

export interface MailSceneOptions {
  /** Of the operator's templates. */
  readonly folder?: string | null;
  /** By default the mail server's, in the clear. */
  readonly smtpUrl?: string;
}

export async function mailScene(
  api: ApiServer,
  smtp: MailServer,
  { folder = null, smtpUrl = `smtp://127.0.0.1:${smtp.port}` }: MailSceneOptions = {},
) {
  const tenantId = await api.tenant();
  const email = `ops@${tenantId}.example`;
  await api.put(`/v1/tenants/${tenantId}`, { name: 'Shop <1>', contacts: [{ email }] });
  const { id } = await api.destination(tenantId, { name: 'Bill & Co' });
  const clock = new MovedClock();
  const { storage } = api.engine;
  const logged: string[] = [];
  const mailer = new Mailer({
    storage,
    clock,
    links: LINKS,
    templates: loadMailTemplates(folder),
    log: {
      mailFailed: (reason) => logged.push(`failed ${reason}`),
      mailGivenUp: (reason) => logged.push(`given up ${reason}`),
    },
    smtpUrl,
    from: 'Hooks <hooks@example.com>',
    publicUrl: PUBLIC_URL,
  });
  onTestFinished(() => mailer.close());
  const notices = new Notices(clock, LOG);
  notices.listen(mailListener(storage, clock, () => {}));
  return {
    tenantId,
    id,
    email,
    clock,
    logged,
    /** Resolves when all of it is in the outbox. */
    tell: async (...told: Notice[]) => {
      for (const notice of told) notices.tell(notice);
      await notices.drained();
    },
    /** Sends what is due, and gives what has come to the contact. */
    mails: async () => {
      const before = smtp.taken.length;
      await mailer.poll();
      const sent = smtp.taken.slice(before).map(({ mail }) => mail);
      // What other tests have left in the outbox is sent, too, where time goes on.
      return sent.filter(({ to }) => to?.some(({ address }) => address === email) === true);
    },
  };
}

const LOG: EngineLog = {
  claimFailed: () => {},
  cancelFailed: () => {},
  releaseFailed: () => {},
  recordFailed: () => {},
  recordResumed: () => {},
  outcomeDropped: () => {},
  noticeFailed: (_topic, error) => {
    throw error;
  },
  noticeDropped: () => {},
  destinationEnded: () => {},
  destinationEndFailed: () => {},
  serviceFailed: () => {},
  filterGaveUp: () => {},
  destinationUnusable: () => {},
  schemaViolated: () => {},
  schemaUnusable: () => {},
};
