/** What is wrong with a destination whatever its type. */
import type { FieldProblem } from '../destinations/destination-type.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Engine } from './engine.ts';

export const SHARED_SECRET: FieldProblem = {
  pointer: '/credentials/secret',
  code: 'conflict',
  message:
    'All destinations of this profile have the tenant’s one secret, which is there already: leave it out, or rotate it.',
};

export function unknownType({ targets }: Engine): FieldProblem[] {
  const message = `There are the types ${[...targets.types.keys()].join(', ')}.`;
  return [{ pointer: '/type', code: 'enum', message }];
}

export function unknownProfile({ targets }: Engine, profile: string | null): FieldProblem[] {
  if (profile === null || targets.profiles.has(profile)) return [];
  const message = `There are the profiles ${[...targets.profiles.keys()].join(', ')}.`;
  return [{ pointer: '/profile', code: 'enum', message }];
}

/** While there is a catalogue, a destination names topics of it; patterns are always good, and words are judged before. */
export function unknownTopics(
  { catalogue }: Engine,
  {
    topics = [],
    subscription = null,
  }: { readonly topics?: readonly string[]; readonly subscription?: Subscription | null },
): FieldProblem[] {
  if ((subscription?.words ?? null) !== null) return [];
  return topics.flatMap((topic, index) => {
    if (catalogue.isNameable(topic)) return [];
    const message = `There is no topic ${topic} in the catalogue: GET /topics lists them, and a pattern such as user.* may cover future ones.`;
    return [{ pointer: `/topics/${index}`, code: 'unknown_topic', message }];
  });
}
