/** Header fields in every shape in which runtimes hand them over. */

/**
 * A `Headers`, a `Map`, a list of pairs, or an object as `node:http` has it. Names in any case. A field that comes several
 * times counts as one whose values are joined by a comma (RFC 9110, section 5.3).
 */
export type HeadersInput =
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** By the name in lower case. */
export type HeaderFields = ReadonlyMap<string, string>;

/** What is no text under a name is left out: from outside comes nothing else. */
export function readHeaders(headers: HeadersInput): HeaderFields {
  const fields = new Map<string, string>();
  for (const [name, value] of pairsOf(headers)) {
    if (typeof name !== 'string') continue;
    const texts = (Array.isArray(value) ? value : [value]).filter(
      (text): text is string => typeof text === 'string',
    );
    for (const text of texts) {
      const key = name.toLowerCase();
      const before = fields.get(key);
      fields.set(key, before === undefined ? text.trim() : `${before}, ${text.trim()}`);
    }
  }
  return fields;
}

function pairsOf(headers: unknown): readonly (readonly unknown[])[] {
  if (typeof headers !== 'object' || headers === null) return [];
  if (!(Symbol.iterator in headers)) return Object.entries(headers);
  return [...(headers as Iterable<unknown>)].filter((pair) => Array.isArray(pair));
}
