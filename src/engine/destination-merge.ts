/** Changes of destinations, merged into what is there (RFC 7396). */
import { isDeepStrictEqual } from 'node:util';
import { MASK } from '../destinations/destination-type.ts';
import type { FieldProblem } from '../destinations/destination-type.ts';
import type { Credentials, Destination, DestinationPolicy } from '../domain/destination.ts';
import type { Subscription } from '../domain/subscription.ts';

/** Merged member by member; each is replaced whole. */
export type PolicyChange = {
  readonly [Name in keyof DestinationPolicy]?: DestinationPolicy[Name] | null;
};

/** Names of a map, after it was merged. */
const MAX_MAP_NAMES = 100;

/** A value that is sent back as it was shown stands for the one that is there. */
export function unmasked(
  given: Readonly<Record<string, unknown>> | undefined,
  shown: Credentials,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given ?? {}).filter(([name, value]) => value !== MASK && value !== shown[name]),
  );
}

export function merged(
  before: Readonly<Record<string, unknown>>,
  change: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  const entries = Object.entries({ ...before, ...change });
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

export function mergedMap(
  before: Readonly<Record<string, string>> | null,
  change: Readonly<Record<string, string | null>> | null | undefined,
): Record<string, string> | null {
  if (change === null) return null;
  const all = Object.entries({ ...before, ...change }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return all.length === 0 ? null : Object.fromEntries(all);
}

export function mergedPolicy(
  before: DestinationPolicy,
  change: PolicyChange | undefined,
): DestinationPolicy {
  // Without the nulls, only what a policy may hold is left.
  return merged({ ...before }, change);
}

export function tooManyNames(maps: Readonly<Record<string, object | null>>): FieldProblem[] {
  return Object.entries(maps)
    .filter(([, map]) => map !== null && Object.keys(map).length > MAX_MAP_NAMES)
    .map(([name]) => ({
      pointer: `/${name}`,
      code: 'too_many',
      message: `With what is there already it has more than ${MAX_MAP_NAMES} names.`,
    }));
}

/** Replaced whole. With topics that are given as such, the words for the ones before are out of date. */
export function mergedSubscription(
  before: Pick<Destination, 'subscription' | 'topics'>,
  change: { readonly subscription?: Subscription | null; readonly topics?: readonly string[] },
): Subscription | null {
  if (change.subscription !== undefined) return change.subscription;
  const subscription = before.subscription ?? null;
  const isSame = change.topics === undefined || isDeepStrictEqual(change.topics, before.topics);
  return subscription === null || isSame ? subscription : { ...subscription, words: null };
}
