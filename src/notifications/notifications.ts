/** Mails to tenants' contacts, put together. Loaded only where there is a server to send them through. */
import type { Clock } from '../domain/clock.ts';
import type { MailLinks } from '../domain/mail-link.ts';
import type { EngineLog } from '../engine/engine-log.ts';
import type { LaneOwners } from '../engine/lane-owners.ts';
import { asLeader } from '../engine/lead.ts';
import type { Notices } from '../engine/notices.ts';
import { ServiceRunner } from '../engine/service.ts';
import type { Storage } from '../storage/storage.ts';
import { Mailer } from './mailer.ts';
import type { MailLog } from './mailer.ts';
import { loadMailTemplates } from './mail-texts.ts';
import { mailListener } from './notice-mails.ts';

export interface NotificationOptions {
  readonly storage: Storage;
  /** `null`: no other node sends mails. */
  readonly owners: LaneOwners | null;
  readonly notices: Notices;
  readonly clock: Clock;
  readonly links: MailLinks;
  readonly log: MailLog & Pick<EngineLog, 'serviceFailed'>;
  readonly smtpUrl: string;
  /** `null`: `angarium` at the host of `publicUrl`. */
  readonly mailFrom: string | null;
  /** Folder of templates; `null`: those built in. */
  readonly mailTemplates: string | null;
  readonly publicUrl: string;
}

export interface Notifications {
  start(): void;
  /** What is being sent ends; the rest is in the outbox. */
  stop(): Promise<void>;
}

/** Throws `MailTemplateError`. */
export function createNotifications(options: NotificationOptions): Notifications {
  const { storage, clock, log, notices, publicUrl } = options;
  const mailer = new Mailer({
    storage,
    clock,
    log,
    links: options.links,
    templates: loadMailTemplates(options.mailTemplates),
    smtpUrl: options.smtpUrl,
    from: options.mailFrom ?? `angarium@${new URL(publicUrl).hostname}`,
    publicUrl,
  });
  const runner = new ServiceRunner(asLeader(options.owners, mailer, true), clock, log);
  notices.listen(mailListener(storage, clock, () => runner.wake()));
  return {
    start: () => runner.start(1000),
    async stop() {
      await runner.stop();
      mailer.close();
    },
  };
}
