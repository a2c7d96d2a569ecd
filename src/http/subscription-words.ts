/** Baack's spelling of what a subscription says: subjects, events, times, authentication. */
import { zonelessTime } from '../domain/iso-time.ts';
import { SUBJECT, SUBJECT_EVENTS, subjectAndEvent, subjectsOf } from '../domain/subject.ts';
import type { SubjectEvent } from '../domain/subject.ts';
import type { ClientAuth, Subscription } from '../domain/subscription.ts';
import type { Catalogue } from '../engine/catalogue.ts';
import type { FieldError } from './errors.ts';
import { parseTime } from './time.ts';

/** `HMAC_SHA256`: the signature alone, which is always sent. */
export const AUTHS = ['BASIC', 'DIGEST', 'BEARER', 'MTLS', 'HMAC_SHA256'] as const;
export type SubscriptionAuth = (typeof AUTHS)[number];

const CLIENT_AUTH: Record<SubscriptionAuth, ClientAuth> = {
  BASIC: 'basic',
  DIGEST: 'digest',
  BEARER: 'bearer',
  MTLS: 'mtls',
  HMAC_SHA256: 'none',
};

const DAY_MS = 24 * 60 * 60 * 1000;
/** How far ahead the end of a subscription may be, and where it is when nothing is said. */
export const MAX_LIFETIME_MS = 90 * DAY_MS;
const ZONELESS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/;

export function clientAuthOf(auth: SubscriptionAuth): ClientAuth {
  return CLIENT_AUTH[auth];
}

/** `method`: of the destination's own authentication, where it is not its client's. */
export function authWord(subscription: Subscription | null | undefined, method: unknown): string {
  const auth = subscription?.auth ?? 'none';
  const known = AUTHS.find((word) => CLIENT_AUTH[word] === auth) ?? 'HMAC_SHA256';
  return auth === 'none' && typeof method === 'string' ? method.toUpperCase() : known;
}

function parseZoneless(text: string): number | undefined {
  return ZONELESS.test(text) ? parseTime(`${text}Z`) : undefined;
}

export function zonelessOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : zonelessTime(timeMs);
}

/** The end that was asked for; what is wrong is added to `problems`. */
export function endOf(text: string, nowMs: number, problems: FieldError[]): number {
  const timeMs = parseZoneless(text);
  const wrong = (code: string, message: string) =>
    void problems.push({ pointer: '/expirationTimestamp', code, message });
  if (timeMs === undefined)
    wrong(
      'format',
      'A time is ISO 8601 with milliseconds and no zone, UTC: 2026-11-21T10:00:00.000.',
    );
  else if (timeMs <= nowMs) wrong('past', 'This moment has passed: give a later one.');
  else if (timeMs > nowMs + MAX_LIFETIME_MS)
    wrong('range', `It is at most 90 days ahead: ${zonelessTime(nowMs + MAX_LIFETIME_MS)}.`);
  return timeMs ?? nowMs;
}

/** Whether there is such a subject with such an event: by the catalogue, while there is one. */
export function checkWords(
  { subject, event }: { readonly subject: string; readonly event: SubjectEvent },
  catalogue: Catalogue,
  problems: FieldError[],
): void {
  if (catalogue.isEmpty) {
    if (SUBJECT.test(subject)) return;
    const message = 'A subject is capital letters, digits and _, as ENTITY or MESSAGE_THREAD.';
    problems.push({ pointer: '/subject', code: 'format', message });
    return;
  }
  const subjects = subjectsOf(topicNames(catalogue));
  const events = subjects.get(subject);
  if (events === undefined) {
    const message = `There are the subjects ${[...subjects.keys()].join(', ')}.`;
    problems.push({ pointer: '/subject', code: 'enum', message });
  } else if (!events.includes(event)) {
    const message = `${subject} has the events ${events.join(', ')}.`;
    problems.push({ pointer: '/event', code: 'enum', message });
  }
}

export function topicNames(catalogue: Catalogue): string[] {
  return catalogue.list().map(({ name }) => name);
}

/** The words of a destination that was made without any, as far as its topics have some. */
export function wordsOf(
  subscription: Subscription | null | undefined,
  topics: readonly string[],
): { readonly subject: string | null; readonly event: string | null } {
  const given = subscription?.words ?? null;
  if (given !== null) return given;
  const words = topics.map(subjectAndEvent);
  const subjects = new Set(words.map(({ subject }) => subject));
  const events = new Set(words.map(({ event }) => event));
  const [subject = null] = subjects;
  const [event = null] = events;
  const isOne = topics.every((topic) => !topic.includes('*')) && subjects.size === 1;
  const isAll = SUBJECT_EVENTS.every((each) => each === 'ALL' || events.has(each));
  return {
    subject: isOne ? subject : null,
    event: isOne && isAll ? 'ALL' : isOne && events.size === 1 ? event : null,
  };
}
