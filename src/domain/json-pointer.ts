/** JSON pointers (RFC 6901). */

/** The pointer to a member, or an element, of what `parent` points at. */
export function pointerTo(parent: string, name: string | number): string {
  return `${parent}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The names and indexes of a pointer; `undefined` where it is none. */
export function pointerTokens(pointer: string): string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What the tokens lead to; `undefined` where there is nothing. Only own members count. */
export function valueAt(root: unknown, tokens: readonly string[]): unknown {
  let value = root;
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token))
      return undefined;
    // An own member, as was just seen.
    value = (value as Readonly<Record<string, unknown>>)[token];
  }
  return value;
}
