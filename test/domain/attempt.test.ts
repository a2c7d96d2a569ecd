import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  attemptCode,
  FAILURE_REASONS,
  headerLines,
  parseHeaderLines,
} from '../../src/domain/attempt.ts';

describe('header lines', () => {
  it('come back as they were, repeated names apart and empty values too', () => {
    const field = fc
      .array(fc.constantFrom('a', 'B', ' ', ':', '\t', '\r', '\0', '\xff', ','), { maxLength: 8 })
      .map((characters) => characters.join(''));
    const name = field.filter((text) => text !== '');
    fc.assert(
      fc.property(fc.array(fc.tuple(name, field)), (headers) => {
        expect(parseHeaderLines(headerLines(headers.flat()))).toEqual(headers);
      }),
    );
  });

  it('of no header are empty', () => {
    expect(headerLines([])).toBe('');
    expect(parseHeaderLines('')).toEqual([]);
  });
});

describe('the code of an attempt', () => {
  it('is the status that decided it, else the reason, else ok', () => {
    expect(attemptCode(null, 204)).toBe('204');
    expect(attemptCode(null, null)).toBe('ok');
    expect(attemptCode('http_status', 503)).toBe('503');
    for (const reason of FAILURE_REASONS) {
      if (reason === 'http_status') continue;
      expect(attemptCode(reason, null)).toBe(reason);
      expect(attemptCode(reason, 200)).toBe(reason);
    }
  });
});
