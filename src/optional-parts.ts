/** Parts of a server that most do without: what makes them is loaded only where they are configured. */
import type { DefinedOutbox } from './config-outbox.ts';
import type { Config } from './config-options.ts';
import type { MailLinks } from './domain/mail-link.ts';
import type { Engine } from './engine/engine.ts';
import { createOutboxDoor } from './http/outbox-door.ts';
import type { Notifications } from './notifications/notifications.ts';
import type { Outboxes } from './outbox/outboxes.ts';
import type { Log } from './telemetry/log.ts';

/** What reads them is loaded only where there are any. */
export async function checkMailTemplates(folder: string | null): Promise<void> {
  if (folder === null) return;
  const { loadMailTemplates } = await import('./notifications/mail-texts.ts');
  loadMailTemplates(folder);
}

/** `null`: nothing is mailed, and what would do it is not loaded. */
export async function openNotifications(
  { smtpUrl, ...config }: Config,
  { storage, notices, clock, dispatcher: { owners } }: Engine,
  links: MailLinks,
  log: Log,
): Promise<Notifications | null> {
  if (smtpUrl === null) return null;
  const { createNotifications } = await import('./notifications/notifications.ts');
  return createNotifications({ ...config, smtpUrl, storage, owners, notices, clock, links, log });
}

/** `null`: nothing is relayed, and what would do it is not loaded. */
export async function openOutboxes(
  limits: Config,
  defined: readonly DefinedOutbox[],
  engine: Engine,
  log: Log,
): Promise<Outboxes | null> {
  if (defined.length === 0) return null;
  const { createOutboxes } = await import('./outbox/outboxes.ts');
  const publish = createOutboxDoor({ engine, limits });
  const { maxPayloadBytes } = limits;
  const { clock, random } = engine;
  const places = defined.map(({ place }) => place);
  return createOutboxes({ places, publish, clock, random, log, maxPayloadBytes });
}
