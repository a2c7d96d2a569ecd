/**
 * Baack's words for topics: a subject is the part before the last dot, the event the last part. Topic
 * `message.thread.update` is subject `MESSAGE_THREAD`, event `UPDATE`.
 */
import type { ClientPermission } from './caller.ts';

const LIFECYCLE_EVENTS = ['CREATE', 'UPDATE', 'DELETE'] as const;
/** Of a subscription; `ALL` stands for every one of them. */
export const SUBJECT_EVENTS = [...LIFECYCLE_EVENTS, 'ALL'] as const;
export type SubjectEvent = (typeof SUBJECT_EVENTS)[number];

/** Capital letters, digits and `_`, of topics whose names have nothing else. */
export const SUBJECT = /^[A-Z0-9][A-Z0-9_-]{0,200}$/;

export interface SubjectAndEvent {
  readonly subject: string;
  /** Empty where the topic has no dot. */
  readonly event: string;
}

export function subjectAndEvent(topic: string): SubjectAndEvent {
  const dot = topic.lastIndexOf('.');
  const subject = dot === -1 ? topic : topic.slice(0, dot);
  return {
    subject: subject.replaceAll('.', '_').toUpperCase(),
    event: dot === -1 ? '' : topic.slice(dot + 1).toUpperCase(),
  };
}

/** The subjects of a catalogue's topics that end in create, update or delete, by name, with their events. */
export function subjectsOf(topics: Iterable<string>): Map<string, SubjectEvent[]> {
  const found = new Map<string, Set<string>>();
  for (const topic of topics) {
    const { subject, event } = subjectAndEvent(topic);
    if (!isLifecycle(event)) continue;
    const events = found.get(subject) ?? new Set();
    found.set(subject, events.add(event));
  }
  return new Map(
    [...found]
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([subject, events]) => [
        subject,
        SUBJECT_EVENTS.filter((event) => event === 'ALL' || events.has(event)),
      ]),
  );
}

/**
 * The topics that a subscription takes. Names do not lead back without doubt (`_` may have been a `.`), so the catalogue
 * decides; without one `_` is taken for `.`. `ALL` names all three, as one that is missing now may come.
 */
export function topicsOf(
  subject: string,
  event: SubjectEvent,
  catalogue: readonly string[],
): string[] {
  const known = catalogue.filter((topic) => {
    const words = subjectAndEvent(topic);
    return words.subject === subject && isLifecycle(words.event);
  });
  if (known.length === 0) return spelled(subject.toLowerCase().replaceAll('_', '.'), event);
  if (event !== 'ALL') return known.filter((topic) => subjectAndEvent(topic).event === event);
  const prefixes = new Set(known.map((topic) => topic.slice(0, topic.lastIndexOf('.'))));
  const all = [...prefixes].flatMap((prefix) => spelled(prefix, 'ALL'));
  return [...new Set([...known, ...all])];
}

/** Whether the permissions cover the topic; its last part may be any word, which only `ALL` covers. */
export function mayTake(
  permissions: 'all' | readonly ClientPermission[],
  { subject, event }: SubjectAndEvent,
): boolean {
  if (permissions === 'all') return true;
  const events = new Set(
    permissions.filter((each) => each.subject === subject).flatMap((each) => each.events),
  );
  if (events.has('ALL')) return true;
  if (event === 'ALL') return LIFECYCLE_EVENTS.every((each) => events.has(each));
  return isLifecycle(event) && events.has(event);
}

function spelled(prefix: string, event: SubjectEvent): string[] {
  const events = event === 'ALL' ? LIFECYCLE_EVENTS : [event];
  return events.map((each) => `${prefix}.${each.toLowerCase()}`);
}

function isLifecycle(event: string): event is (typeof LIFECYCLE_EVENTS)[number] {
  return LIFECYCLE_EVENTS.some((each) => each === event);
}
