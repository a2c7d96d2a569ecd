/** JSON texts as no serializer writes them: odd white space, escapes, spellings of numbers, names that stand twice. */
import fc from 'fast-check';

/** Of white space, where JSON allows it. */
const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });

const numberText = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '1E5',
    '1e+05',
    '1e400',
    '-1e400',
    '1e-400',
    '12345678901234567890',
    '0.1000000000000000055511151231257827',
    '1.0',
    '1.10',
  ),
  fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.bigInt({ min: 0n, max: 10n ** 30n }),
      fc.constantFrom('', '.50', 'e7', 'E-3'),
    )
    .map(([sign, whole, tail]) => `${sign}${whole}${tail}`),
);

const character = fc.oneof(
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 3 })
    .map((text) => JSON.stringify(text).slice(1, -1)),
  // Four bytes of UTF-8, as they are.
  fc.constantFrom('😀', '𝄞', '\u{10ffff}', 'é', '\u2028', '\ufeff', '\ufffe'),
  fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t'),
  // NUL, surrogates alone and in pairs, signs that need no escape.
  fc.constantFrom(
    '\\u0000',
    '\\ud800',
    '\\uDFFF',
    '\\ud83d\\ude00',
    '\\u0041',
    '\\u002e',
    '\\u2028',
  ),
  fc.constantFrom('{', '}', '[', ']', ',', ':', ' '),
);

const stringText = fc
  .array(character, { maxLength: 6 })
  .map((characters) => `"${characters.join('')}"`);

const nameText = fc.oneof(
  stringText,
  fc.constantFrom('"__proto__"', '"constructor"', '"toString"', '"data"', '""', '"a"', '"\\u0061"'),
);

const { value, object, array } = fc.letrec<{ value: string; object: string; array: string }>(
  (tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      fc.oneof(numberText, stringText, fc.constantFrom('true', 'false', 'null')),
      tie('object'),
      tie('array'),
    ),
    object: fc
      .array(fc.tuple(space, nameText, space, space, tie('value'), space), { maxLength: 5 })
      .chain((members) => space.map((inside) => objectText(members, inside))),
    array: fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 5 })
      .map((elements) => `[${elements.map((parts) => parts.join('')).join(',')}]`),
  }),
);

type MemberParts = [string, string, string, string, string, string];

function objectText(members: readonly MemberParts[], inside: string): string {
  const texts = members.map(
    ([before, name, beforeColon, afterColon, text, after]) =>
      `${before}${name}${beforeColon}:${afterColon}${text}${after}`,
  );
  return `{${texts.length === 0 ? inside : texts.join(',')}}`;
}

export const jsonSpace = space;
export const jsonValueText = value;
export const jsonObjectText = object;
export const jsonArrayText = array;

/** An object that nests so deep, arrays and objects in turn. */
export function nestedObjectText(depth: number): string {
  let text = '1';
  for (let level = depth; level >= 1; level--)
    text = level % 2 === 1 ? `{"a": ${text}}` : `[${text}]`;
  return text;
}
