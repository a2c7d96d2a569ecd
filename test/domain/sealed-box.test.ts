import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { systemRandom } from '../../src/domain/id.ts';
import {
  createSealedBoxes,
  credentialsPlace,
  ENCRYPTION_KEY_BYTES,
} from '../../src/domain/sealed-box.ts';

const unsealError = expect.objectContaining({ name: 'UnsealError' });
const key = randomBytes(ENCRYPTION_KEY_BYTES);
const older = randomBytes(ENCRYPTION_KEY_BYTES);
const boxes = createSealedBoxes([key], systemRandom);
const place = credentialsPlace('tenant', 'des_1');

describe('a sealed box', () => {
  it('opens where it belongs, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, anywhere) => {
        expect(boxes.open(boxes.seal(text, anywhere), anywhere)).toBe(text);
      }),
    );
  });

  it('tells whether it is under the first key', () => {
    const both = createSealedBoxes([key, older], systemRandom);
    const old = createSealedBoxes([older], systemRandom).seal('secret', place);
    expect(both.isCurrent(both.seal('secret', place))).toBe(true);
    expect(both.isCurrent(old)).toBe(false);
    expect(both.isCurrent(new Uint8Array())).toBe(false);
  });

  it('opens as a piece of a larger buffer', () => {
    const box = boxes.seal('secret', place);
    const larger = Buffer.concat([Buffer.alloc(5, 1), box, Buffer.alloc(7, 1)]);
    expect(boxes.open(larger.subarray(5, -7), place)).toBe('secret');
  });

  it('does not show its text, and is another each time', () => {
    const text = 'whsec_hunter2hunter2';
    const first = boxes.seal(text, place);
    expect(Buffer.from(first).toString('latin1')).not.toContain('hunter2');
    expect(Buffer.from(first).equals(boxes.seal(text, place))).toBe(false);
  });

  it('does not open once any bit of it was changed', () => {
    const box = Buffer.from(boxes.seal('secret', place));
    for (let bit = 0; bit < box.length * 8; bit++) {
      const changed = Buffer.from(box);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => boxes.open(changed, place), `bit ${bit}`).toThrow(unsealError);
    }
  });

  it('does not open cut short, longer, or empty', () => {
    const box = boxes.seal('secret', place);
    for (let length = 0; length < box.length; length++)
      expect(() => boxes.open(box.subarray(0, length), place), `${length}`).toThrow(unsealError);
    expect(() => boxes.open(Buffer.concat([box, Buffer.from([0])]), place)).toThrow(unsealError);
  });

  it('does not open in another place', () => {
    const box = boxes.seal('secret', place);
    for (const other of [
      credentialsPlace('tenant', 'des_2'),
      credentialsPlace('other', 'des_1'),
      '',
      `${place} `,
    ])
      expect(() => boxes.open(box, other)).toThrow(unsealError);
  });

  it('names in its error neither text nor key', () => {
    const message = (() => {
      try {
        boxes.open(createSealedBoxes([older], systemRandom).seal('hunter2', place), place);
      } catch (error) {
        return String(error);
      }
      return '';
    })();
    expect(message).toContain('not among those given');
    expect(message).not.toContain('hunter2');
    expect(message).not.toContain(older.toString('hex'));
  });
});

describe('keys that rotate', () => {
  it('open what either sealed, and seal with the first', () => {
    const before = createSealedBoxes([older], systemRandom);
    const during = createSealedBoxes([key, older], systemRandom);
    expect(during.open(before.seal('secret', place), place)).toBe('secret');
    const sealed = during.seal('secret', place);
    expect(boxes.open(sealed, place)).toBe('secret');
    expect(() => before.open(sealed, place)).toThrow(unsealError);
  });

  it('are at least one', () => {
    expect(() => createSealedBoxes([], systemRandom)).toThrow(TypeError);
  });
});

describe('places', () => {
  it('are as different as tenants and destinations are', () => {
    const id = fc.stringMatching(/^[\x21-\x7e]{1,20}$/);
    fc.assert(
      fc.property(id, id, id, id, (tenant, destination, otherTenant, otherDestination) => {
        const same = tenant === otherTenant && destination === otherDestination;
        const places = [
          credentialsPlace(tenant, destination),
          credentialsPlace(otherTenant, otherDestination),
        ];
        expect(places[0] === places[1]).toBe(same);
      }),
    );
  });
});
