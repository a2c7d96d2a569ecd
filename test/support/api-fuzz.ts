/** Bodies for fuzzing: arbitrary JSON, good bodies with something changed in them, good texts with bytes changed. */
import fc from 'fast-check';
import { jsonValueText } from './api-json-text.ts';

/** Texts that are special to somebody on the way: parsers, databases, JavaScript, HTTP. */
const SPECIAL = [
  '',
  '*',
  '.',
  '..',
  '__proto__',
  'constructor',
  'toString',
  '\u0000',
  '\ud800',
  '\ufeff',
  "' OR 1=1 --",
  '%00',
  'a\r\nx: y',
  'x'.repeat(300),
  '9999-12-31T23:59:59-23:59',
  '2026-01-01T00:00:00Z',
  'http://127.0.0.1:1/',
  'http://[::1]/',
  'https://example.com:99999/',
  '********',
  'evt_00000000000abcd',
];

const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -0, -1, 1.5, 1e300, 2 ** 53, Number.MIN_VALUE),
  fc.constantFrom<unknown>(...SPECIAL),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

const name = fc.oneof(fc.constantFrom(...SPECIAL), fc.string({ maxLength: 10 }));

export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  scalar,
  fc.jsonValue({ maxDepth: 4 }),
  fc.array(scalar, { maxLength: 5 }),
  fc.array(fc.tuple(name, scalar), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
);

export const anyJsonText = jsonValueText;

export const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  // Begins as an object does.
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.concat([Buffer.from('{"'), bytes])),
);

/** A good body, with one to three members replaced, taken out, added, or put in lists and objects. */
export function changed(good: unknown): fc.Arbitrary<unknown> {
  const change = fc.record({
    at: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
    how: fc.constantFrom('replace', 'remove', 'add', 'wrap'),
    name,
    value: anyJson,
  });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    let body = structuredClone(good);
    for (const { at, how, name: added, value } of changes)
      body = changedAt(body, at, (before) => {
        if (how === 'replace') return value;
        if (how === 'remove') return undefined;
        if (how === 'wrap') return [before, { [added]: before }];
        return isRecord(before)
          ? Object.fromEntries([...Object.entries(before), [added, value]])
          : value;
      });
    return body;
  });
}

/** The text of a good body, with a few of its bytes taken out, doubled or replaced. */
export function withChangedBytes(good: unknown): fc.Arbitrary<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(good));
  const change = fc.tuple(
    fc.nat(bytes.length),
    fc.constantFrom('remove', 'double', 'replace', 'cut'),
    fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:\\0 \u0000'))),
  );
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    let text: Buffer = bytes;
    for (const [at, how, byte] of changes) {
      const [before, after] = [text.subarray(0, at), text.subarray(at)];
      if (how === 'remove') text = Buffer.concat([before, after.subarray(1)]);
      else if (how === 'double') text = Buffer.concat([before, after.subarray(0, 8), after]);
      else if (how === 'replace')
        text = Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
      else text = before;
    }
    return text;
  });
}

function changedAt(
  value: unknown,
  [at, ...rest]: readonly number[],
  change: (before: unknown) => unknown,
): unknown {
  if (at === undefined) return change(value);
  if (Array.isArray(value) && value.length > 0) {
    const index = at % value.length;
    return value.map((each: unknown, place) =>
      place === index ? changedAt(each, rest, change) : each,
    );
  }
  if (!isRecord(value)) return change(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return change(value);
  const index = at % entries.length;
  // What is `undefined` is left out when it is written as JSON.
  return Object.fromEntries(
    entries.map(([key, each], place) => [
      key,
      place === index ? changedAt(each, rest, change) : each,
    ]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
