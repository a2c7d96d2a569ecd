/** What an event is about, as it stands in a publish: `resource: {urn, vector_clock?, trigger_urn?}`. */
import type { FieldError } from './errors.ts';

/** They go into headers. */
const URN = /^[\x21-\x7e]{1,1024}$/;
const NODE = /^[\x21-\x7e]{1,255}$/;
const MAX_NODES = 256;
const FIELDS = ['urn', 'vector_clock', 'trigger_urn'];

/** Canonical JSON of an `EventResource`; `null` where none was given. What is wrong is added to `problems`. */
export function parseResource(value: unknown, problems: FieldError[]): string | null {
  if (value === undefined) return null;
  const before = problems.length;
  const wrong = (pointer: string, code: string, message: string) =>
    problems.push({ pointer: `/resource${pointer}`, code, message });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    wrong('', 'type', 'The resource is an object with a `urn`.');
    return null;
  }
  const given = new Map<string, unknown>(Object.entries(value));
  for (const name of given.keys()) {
    if (FIELDS.includes(name)) continue;
    const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    wrong(pointer, 'unknown_field', `There is no such field; there are ${FIELDS.join(', ')}.`);
  }
  const urn = given.get('urn');
  if (!isUrn(urn)) wrong('/urn', 'format', 'A urn has 1 to 1024 visible ASCII characters.');
  const trigger = given.get('trigger_urn');
  if (trigger !== undefined && !isUrn(trigger))
    wrong('/trigger_urn', 'format', 'A urn has 1 to 1024 visible ASCII characters.');
  const clock = given.get('vector_clock');
  const counters = clock === undefined ? null : countersOf(clock);
  if (counters === undefined) {
    wrong(
      '/vector_clock',
      'format',
      `A vector clock is an object of at most ${MAX_NODES} nodes, each with a whole number that is not negative.`,
    );
  }
  if (problems.length > before) return null;
  return JSON.stringify({
    urn,
    ...(counters === null ? {} : { vector_clock: counters }),
    ...(trigger === undefined ? {} : { trigger_urn: trigger }),
  });
}

function isUrn(value: unknown): boolean {
  return typeof value === 'string' && URN.test(value);
}

/** With sorted names, so that equal clocks are equal texts; `undefined` where it is wrong. */
function countersOf(value: unknown): Record<string, number> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const isCounter = ([node, counter]: [string, unknown]) =>
    NODE.test(node) && Number.isSafeInteger(counter) && Number(counter) >= 0;
  if (entries.length > MAX_NODES || !entries.every(isCounter)) return undefined;
  return Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
