/** From notices to the outbox: what tenants' contacts are to be told, gathered there until it may be sent. */
import { hash } from 'node:crypto';
import type { Clock } from '../domain/clock.ts';
import { noticeData } from '../domain/notice.ts';
import type { Notice } from '../domain/notice.ts';
import type { NoticeListener } from '../engine/notices.ts';
import type { Storage } from '../storage/storage.ts';

/** Between two mails of the same destination and reason. */
export const MAIL_GAP_MS = 60 * 60 * 1000;

/** `onMail`: there is something to send. */
export function mailListener(storage: Storage, clock: Clock, onMail: () => void): NoticeListener {
  return async (notice) => {
    const reason = reasonOf(notice);
    if (reason === null) return;
    const { tenantId, destinationId, atMs } = notice;
    const defaults = await storage.tenantDefaultsGet({ id: tenantId });
    const recipients = (defaults?.settings.contacts ?? []).map(({ email }) => email);
    if (recipients.length === 0) return;
    await storage.mailAdd({
      tenantId,
      destinationId,
      reason,
      recipients: [...new Set(recipients)],
      item: { id: idOf(notice), atMs, data: noticeData(notice) },
      nowMs: clock.nowMs(),
      gapMs: MAIL_GAP_MS,
    });
    onMail();
  };
}

/** The topic, and what tells mails of it apart; `null`: it is not mailed. */
function reasonOf(notice: Notice): string | null {
  switch (notice.topic) {
    case 'destination.failing':
      return notice.percent === null ? null : notice.topic;
    case 'destination.disabled':
      return `${notice.topic}:${notice.reason}`;
    case 'destination.unsubscribed':
    case 'destination.expiring':
    case 'destination.expired':
      return notice.topic;
    case 'delivery.failed':
      return notice.isMailed ? notice.topic : null;
    case 'destination.recovered':
    case 'attempt.delivered':
    case 'attempt.failed':
      return null;
  }
}

function idOf({ topic, tenantId, destinationId, key }: Notice): string {
  return hash('sha256', JSON.stringify([topic, tenantId, destinationId, key])).slice(0, 24);
}
