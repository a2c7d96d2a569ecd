import { describe, expect, it } from 'vitest';
import { sameEntry, topicToTest } from '../../src/domain/topic-catalogue.ts';
import { topicOf } from '../support/catalogue-fixtures.ts';

describe('the topic of a test event', () => {
  const catalogue = [
    topicOf('order.created'),
    topicOf('room.created', { sample: {} }),
    topicOf('room.ended', { sample: {} }),
  ];

  it.each([
    ['the first with a sample, for all topics', ['*'], 'room.created'],
    ['the first that a pattern covers', ['*.ended'], 'room.ended'],
    ['the one that is named', ['room.ended'], 'room.ended'],
    [
      'one with a sample before one that is named first',
      ['order.created', 'room.ended'],
      'room.ended',
    ],
    ['the first that is named, where none has a sample', ['user.*', 'x', 'y'], 'x'],
    ['`test`, where nothing is named', ['user.*'], 'test'],
  ])('is %s', (_claim, patterns, expected) => {
    expect(topicToTest(patterns, catalogue)).toBe(expected);
  });
});

describe('entries', () => {
  it('are the same where all that they say is', () => {
    const entry = topicOf('a', { schema: { type: 'object' } });
    expect(sameEntry(entry, topicOf('a', { schema: { type: 'object' } }))).toBe(true);
    for (const other of [
      { description: 'x' },
      { sample: {} },
      { deprecated: true },
      { schema: {} },
    ])
      expect(sameEntry(entry, { ...entry, ...other })).toBe(false);
    expect(sameEntry(entry, { ...entry, enforcement: 'warn' })).toBe(false);
  });
});
