import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTopic, isTopicPattern, topicMatches } from '../../src/domain/topic.ts';

describe('isTopic', () => {
  it.each(['a', 'room.created', 'user/created', '.', '~!@#', 'x'.repeat(255)])(
    'takes %j',
    (text) => {
      expect(isTopic(text)).toBe(true);
      expect(isTopicPattern(text)).toBe(true);
    },
  );

  it.each(['', 'x'.repeat(256), 'a b', ' a', 'a\n', 'ü', '\u0000', 'a\u007f', '\ud800'])(
    'refuses %j, also as a pattern',
    (text) => {
      expect(isTopic(text)).toBe(false);
      expect(isTopicPattern(text)).toBe(false);
    },
  );

  it('takes a star only in a pattern', () => {
    expect(isTopic('user.*')).toBe(false);
    expect(isTopicPattern('user.*')).toBe(true);
  });
});

describe('topicMatches', () => {
  it.each([
    ['user.created', 'user.created', true],
    ['user.created', 'user.create', false],
    ['user.created', 'xuser.created', false],
    ['*', 'anything', true],
    ['*', '', true],
    ['user.*', 'user.a.b', true],
    ['user.*', 'user.', true],
    ['user.*', 'user', false],
    ['user.*', 'users.a', false],
    ['*.created', 'user.created', true],
    ['*.created', 'user.created.x', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'acb', false],
    ['a*bc*c', 'abc', false],
    ['**', 'x', true],
    ['user.*', 'User.a', false],
    // Nothing else is special.
    ['user.+', 'user.x', false],
    ['(a|b)', 'a', false],
    ['user.', 'userx', false],
  ])('%j covers %j: %s', (pattern, topic, covers) => {
    expect(topicMatches(pattern, topic)).toBe(covers);
  });

  it('agrees with a regular expression made of the pattern', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (given, topic) => {
        const parts = given.split('*').map((part) => RegExp.escape(part));
        expect(topicMatches(given, topic)).toBe(new RegExp(`^${parts.join('.*')}$`).test(topic));
      }),
      { numRuns: 5000 },
    );
  });

  it('takes no longer than a moment for a pattern of many stars', () => {
    const pattern = `${'*a'.repeat(120)}*b`;
    expect(topicMatches(pattern, 'a'.repeat(255))).toBe(false);
  });
});
