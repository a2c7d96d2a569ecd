/** Vector clocks: how often each node has changed a resource. A node that is not named counts 0. */

export type VectorClock = Readonly<Record<string, number>>;

/**
 * How one version stands to another: `newer` knows all changes of the other and more, `older` the reverse, `duplicate`
 * the same ones; of `concurrent` ones each has a change that the other has not.
 */
export type ClockRelation = 'newer' | 'older' | 'concurrent' | 'duplicate';

/** `null` where the value is not an object of counters, which are whole numbers from 0. */
export function parseVectorClock(value: unknown): VectorClock | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  const good = entries.every(
    ([, counter]) => Number.isSafeInteger(counter) && Number(counter) >= 0,
  );
  return good
    ? Object.fromEntries(entries.map(([node, counter]) => [node, Number(counter)]))
    : null;
}

/** How `clock` stands to `other`. */
export function compareClocks(clock: VectorClock, other: VectorClock): ClockRelation {
  const nodes = [...new Set([...Object.keys(clock), ...Object.keys(other)])];
  const ahead = nodes.some((node) => counterOf(clock, node) > counterOf(other, node));
  const behind = nodes.some((node) => counterOf(clock, node) < counterOf(other, node));
  if (ahead) return behind ? 'concurrent' : 'newer';
  return behind ? 'older' : 'duplicate';
}

/** The clock that knows all changes of both. */
export function mergeClocks(clock: VectorClock, other: VectorClock): VectorClock {
  const nodes = [...new Set([...Object.keys(clock), ...Object.keys(other)])];
  return Object.fromEntries(
    nodes.map((node) => [node, Math.max(counterOf(clock, node), counterOf(other, node))]),
  );
}

/** A node may have the name of something that every object has. */
function counterOf(clock: VectorClock, node: string): number {
  return Object.hasOwn(clock, node) ? (clock[node] ?? 0) : 0;
}
