/** Notices: what the operator, and a tenant's contacts, should know of a destination. */
import type { DisabledReason } from './ending.ts';

export const NOTICE_TOPICS = [
  'destination.failing',
  'destination.recovered',
  'destination.disabled',
  'destination.unsubscribed',
  'destination.expiring',
  'destination.expired',
  'delivery.failed',
  'attempt.delivered',
  'attempt.failed',
] as const;
export type NoticeTopic = (typeof NOTICE_TOPICS)[number];

interface AnyNotice {
  readonly tenantId: string;
  readonly destinationId: string;
  readonly atMs: number;
  /** Tells it from others of its topic and destination; the same for the same happening, however often it is told. */
  readonly key: string;
}

export type Notice = AnyNotice &
  (
    | {
        readonly topic: 'destination.failing';
        readonly consecutiveFailures: number;
        readonly failingSinceMs: number;
        /** How far on the way to being disabled; `null`: it begins to fail. */
        readonly percent: 50 | 70 | 90 | null;
      }
    | { readonly topic: 'destination.recovered' }
    | {
        readonly topic: 'destination.disabled';
        readonly reason: DisabledReason;
        readonly consecutiveFailures: number;
      }
    | { readonly topic: 'destination.unsubscribed' }
    | {
        readonly topic: 'destination.expiring';
        readonly expiresAtMs: number;
        readonly daysLeft: 7 | 1;
      }
    | { readonly topic: 'destination.expired'; readonly expiresAtMs: number }
    | {
        readonly topic: 'delivery.failed';
        readonly deliveryId: string;
        readonly eventId: string;
        readonly eventTopic: string;
        readonly attempts: number;
        /** Status or reason of the last attempt. */
        readonly code: string;
        /** It is told to the tenant’s contacts (domain/ending.ts, `mailsFailures`). */
        readonly isMailed: boolean;
      }
    | {
        readonly topic: 'attempt.delivered' | 'attempt.failed';
        readonly deliveryId: string;
        readonly eventId: string;
        readonly eventTopic: string;
        readonly number: number;
        readonly code: string;
      }
  );

/** What a notice says, spelled as it is published: no secret, no payload and no URL of a receiver. */
export function noticeData(notice: Notice): Readonly<Record<string, string | number | null>> {
  const common = {
    tenant_id: notice.tenantId,
    destination_id: notice.destinationId,
    at: timeText(notice.atMs),
  };
  switch (notice.topic) {
    case 'destination.failing':
      return {
        ...common,
        consecutive_failures: notice.consecutiveFailures,
        failing_since: timeText(notice.failingSinceMs),
        percent: notice.percent,
      };
    case 'destination.disabled':
      return {
        ...common,
        reason: notice.reason,
        consecutive_failures: notice.consecutiveFailures,
      };
    case 'destination.expiring':
      return {
        ...common,
        expires_at: timeText(notice.expiresAtMs),
        days_left: notice.daysLeft,
      };
    case 'destination.expired':
      return { ...common, expires_at: timeText(notice.expiresAtMs) };
    case 'destination.recovered':
    case 'destination.unsubscribed':
      return common;
    case 'delivery.failed':
      return {
        ...common,
        delivery_id: notice.deliveryId,
        event_id: notice.eventId,
        topic: notice.eventTopic,
        attempts: notice.attempts,
        code: notice.code,
      };
    case 'attempt.delivered':
    case 'attempt.failed':
      return {
        ...common,
        delivery_id: notice.deliveryId,
        event_id: notice.eventId,
        topic: notice.eventTopic,
        attempt: notice.number,
        code: notice.code,
      };
  }
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
