/** What `/metrics` tells of the relays of outboxes. */
import type { OutboxMeasures } from '../domain/outbox.ts';
import type { Family } from './exposition.ts';

/** None where there is no outbox. */
export function outboxFamilies(outboxes: readonly OutboxMeasures[]): Family[] {
  if (outboxes.length === 0) return [];
  const family = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    value: (measures: OutboxMeasures) => number,
  ): Family => ({
    name: `angarium_outbox_${name}`,
    type,
    help,
    samples: outboxes.map((each) => ({ labels: { outbox: each.name }, value: value(each) })),
  });
  return [
    family(
      'up',
      'gauge',
      'Whether the application’s database answered the last time.',
      ({ isUp }) => (isUp ? 1 : 0),
    ),
    family(
      'lag_seconds',
      'gauge',
      'How long the oldest event that is not published yet has waited, at most.',
      ({ lagMs }) => lagMs / 1000,
    ),
    family('published_total', 'counter', 'Events published.', ({ published }) => published),
    family(
      'duplicates_total',
      'counter',
      'Events whose id was published before.',
      ({ duplicates }) => duplicates,
    ),
    family(
      'refused_total',
      'counter',
      'Events refused, and put into angarium_outbox_failed.',
      ({ refused }) => refused,
    ),
  ];
}
