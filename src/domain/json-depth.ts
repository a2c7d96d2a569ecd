/** How deep a JSON value nests. */

/** Whether arrays and objects stand in one another in more than `maxDepth` levels, the outermost counted. */
export function nestsDeeperThan(value: unknown, maxDepth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (maxDepth === 0) return true;
  return Object.values(value).some((each) => nestsDeeperThan(each, maxDepth - 1));
}
