/** A filter in a body: taken from its bytes, so that numbers which no double holds stay what they are. */
import type { FastifyRequest } from 'fastify';
import { isEmptyFilter, MAX_FILTER_DEPTH, readFilter } from '../domain/filter.ts';
import type { Filter } from '../domain/filter.ts';
import { isDeeperThan, MAX_DEPTH, objectMembers } from '../domain/json-members.ts';
import type { Member } from '../domain/json-members.ts';
import { parseJson } from '../domain/json-value.ts';
import type { FieldError } from './errors.ts';

/**
 * The `filter` of a destination's body: compact JSON, `null` where it is null or has no conditions, `undefined` where
 * there is none. What is wrong with it is added to `problems`.
 */
export function filterOf({ bodyBytes }: FastifyRequest, problems: FieldError[]): Given {
  if (bodyBytes === null) return undefined;
  const member = objectMembers(bodyBytes, 0, Infinity).findLast(({ name }) => name === 'filter');
  if (member === undefined) return undefined;
  if (decoder.decode(bodyBytes.subarray(member.start, member.end)) === 'null') return null;
  const filter = filterAt(bodyBytes, member, problems);
  return filter === null || isEmptyFilter(filter) ? null : filter.text;
}

type Given = string | null | undefined;

/** `null` where it is wrong. */
export function filterAt(
  bytes: Uint8Array,
  { name, start, end }: Member,
  problems: FieldError[],
): Filter | null {
  // Before it is read: there would be no end to the recursion.
  if (isDeeperThan(bytes, start, MAX_DEPTH)) {
    const message = `A filter nests at most ${MAX_FILTER_DEPTH} levels deep.`;
    problems.push({ pointer: `/${name}`, code: 'too_deep', message });
    return null;
  }
  const result = readFilter(parseJson(decoder.decode(bytes.subarray(start, end))));
  if (result.ok) return result.filter;
  for (const problem of result.problems)
    problems.push({ ...problem, pointer: `/${name}${problem.pointer}` });
  return null;
}

const decoder = new TextDecoder();
