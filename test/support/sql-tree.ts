/** What PostgreSQL's own parser makes of a statement: objects by the names of their kinds. */
export type Tree = Readonly<Record<string, unknown>>;

/** What stands there; `undefined`: nothing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, name) =>
      typeof found === 'object' && found !== null ? (found as Tree)[name] : undefined,
    value,
  );
}

export function treesOf(value: unknown): Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
