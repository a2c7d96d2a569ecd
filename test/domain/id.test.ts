import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createIdCodec,
  MAX_ORDINAL,
  newId,
  newInstanceMark,
  systemRandom,
} from '../../src/domain/id.ts';

const MARK = 'abcd';
const ids = createIdCodec(MARK);
/** Microseconds since the epoch, up to the largest number that is exact. */
const seqs = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const ordinals = fc.integer({ min: 0, max: MAX_ORDINAL });

describe('ids that spell a number', () => {
  it('are read back to the same number', () => {
    fc.assert(
      fc.property(seqs, ordinals, (seq, ordinal) => {
        expect(ids.parseEventId(ids.eventId(seq))).toBe(seq);
        expect(ids.parseAttemptId(ids.attemptId(seq))).toBe(seq);
        expect(ids.parseDeliveryId(ids.deliveryId({ seq, ordinal }))).toEqual({ seq, ordinal });
      }),
    );
  });

  it('sort as their numbers do', () => {
    fc.assert(
      fc.property(seqs, seqs, (left, right) => {
        expect(ids.eventId(left) < ids.eventId(right)).toBe(left < right);
        expect(ids.attemptId(left) < ids.attemptId(right)).toBe(left < right);
      }),
    );
  });

  it('have a prefix, and nothing but lower-case letters and digits after it', () => {
    fc.assert(
      fc.property(seqs, ordinals, (seq, ordinal) => {
        expect(ids.eventId(seq)).toMatch(/^evt_[0-9a-z]{11}abcd$/);
        expect(ids.attemptId(seq)).toMatch(/^att_[0-9a-z]{11}abcd$/);
        expect(ids.deliveryId({ seq, ordinal })).toMatch(/^dlv_[0-9a-z]{11}abcd[0-9a-z]{3}$/);
      }),
    );
  });

  it('are not those of another database', () => {
    const other = createIdCodec('abce');
    expect(other.parseEventId(ids.eventId(1))).toBeUndefined();
    expect(other.parseDeliveryId(ids.deliveryId({ seq: 1, ordinal: 0 }))).toBeUndefined();
    expect(other.parseAttemptId(ids.attemptId(1))).toBeUndefined();
  });

  it('are nothing else: what is read as an id is spelled so', () => {
    const alphabet = fc.constantFrom(...'0123456789abcdefghjkmnpqrstvwxyzilouA_.-ü');
    const near = fc
      .tuple(
        fc.constantFrom('evt_', 'dlv_', 'att_', 'evt', 'EVT_'),
        fc.string({ unit: alphabet, minLength: 9, maxLength: 13 }),
        fc.constantFrom(MARK, 'ABCD', 'abc'),
        fc.string({ unit: alphabet, maxLength: 4 }),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        const event = ids.parseEventId(text);
        const delivery = ids.parseDeliveryId(text);
        const attempt = ids.parseAttemptId(text);
        if (event !== undefined) expect(ids.eventId(event)).toBe(text);
        if (delivery !== undefined) expect(ids.deliveryId(delivery)).toBe(text);
        if (attempt !== undefined) expect(ids.attemptId(attempt)).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });

  it('refuse a number that is not exact any more', () => {
    expect(ids.parseEventId(`evt_${'z'.repeat(11)}${MARK}`)).toBeUndefined();
  });
});

describe('newId', () => {
  it('is a prefix and 26 characters, different each time, in the order of time', () => {
    const made = new Set<string>();
    for (let index = 0; index < 1000; index++) made.add(newId('des', index, systemRandom));
    expect(made.size).toBe(1000);
    expect([...made].toSorted()).toEqual([...made]);
    for (const id of made) expect(id).toMatch(/^des_[0-9a-hjkmnp-tv-z]{26}$/);
  });
});

describe('newInstanceMark', () => {
  it('is four characters of chance', () => {
    const marks = new Set(Array.from({ length: 200 }, () => newInstanceMark(systemRandom)));
    for (const mark of marks) expect(mark).toMatch(/^[0-9a-hjkmnp-tv-z]{4}$/);
    // Two of 200 among a million are the same once in fifty runs; five of them never.
    expect(marks.size).toBeGreaterThan(195);
  });
});

describe('chance', () => {
  it('is never given twice, nor changed once it was given', () => {
    const given = Array.from({ length: 10_000 }, (_, index) =>
      systemRandom.bytes(16 + (index % 3)),
    );
    const before = given.map((bytes) => Buffer.from(bytes).toString('hex'));
    for (let more = 0; more < 1000; more++) systemRandom.bytes(64);
    expect(given.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(before);
    expect(new Set(before.map((text) => text.slice(0, 32))).size).toBe(10_000);
    expect(given.map(({ length }) => length)).toEqual(given.map((_, index) => 16 + (index % 3)));
  });
});
