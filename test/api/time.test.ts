import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTime, parseTime } from '../../src/http/time.ts';

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const timesMs = fc.integer({ min: 0, max: LAST_MS });

describe('parseTime', () => {
  it('reads back what formatTime writes, for every millisecond of the years 1970 to 9999', () => {
    fc.assert(
      fc.property(timesMs, (timeMs) => {
        expect(parseTime(formatTime(timeMs))).toBe(timeMs);
      }),
      { examples: [[0], [LAST_MS]] },
    );
  });

  it('goes by the offset', () => {
    const offset = fc.integer({ min: -(24 * 60 - 1), max: 24 * 60 - 1 });
    const twoDigits = (value: number) => String(value).padStart(2, '0');
    fc.assert(
      fc.property(timesMs, offset, (timeMs, minutes) => {
        const localMs = timeMs + minutes * 60_000;
        fc.pre(localMs >= 0 && localMs <= LAST_MS);
        const size = Math.abs(minutes);
        const zone = `${minutes < 0 ? '-' : '+'}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
        expect(parseTime(formatTime(localMs).replace('Z', zone))).toBe(timeMs);
      }),
    );
  });

  it('never gives a time that cannot be written again', () => {
    const digits = fc.string({
      unit: fc.constantFrom('0', '1', '2', '5', '9'),
      minLength: 2,
      maxLength: 2,
    });
    const text = fc
      .tuple(
        fc.constantFrom('1970', '2024', '9999'),
        digits,
        digits,
        digits,
        digits,
        digits,
        digits,
      )
      .map(
        ([year, month, day, hour, minute, second, zone]) =>
          `${year}-${month}-${day}T${hour}:${minute}:${second}-${zone}:00`,
      );
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (given) => {
        const timeMs = parseTime(given);
        if (timeMs !== undefined) expect(formatTime(timeMs)).toMatch(/^\d{4}-/);
      }),
      { numRuns: 3000, examples: [['9999-12-31T23:59:59-23:59']] },
    );
  });

  it.each([
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00+2:00',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00.1234567890Z',
    '2026-01-01 00:00:00Z',
    '+002026-01-01T00:00:00Z',
    '1969-12-31T23:59:59.999Z',
    '',
    0,
    null,
    undefined,
    {},
  ])('refuses %j', (given) => {
    expect(parseTime(given)).toBeUndefined();
  });
});
