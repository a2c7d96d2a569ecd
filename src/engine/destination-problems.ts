/** What is wrong with a destination whatever its type. */
import type { FieldProblem } from '../destinations/destination-type.ts';
import { OPERATOR_TENANT } from '../domain/operator-tenant.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Engine } from './engine.ts';

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
    tenantId,
    topics = [],
    subscription = null,
  }: {
    readonly tenantId: string;
    readonly topics?: readonly string[];
    readonly subscription?: Subscription | null;
  },
): FieldProblem[] {
  // The catalogue is of what the operator publishes, not of what is told to him.
  if (tenantId === OPERATOR_TENANT) return [];
  if ((subscription?.words ?? null) !== null) return [];
  return topics.flatMap((topic, index) => {
    if (catalogue.isNameable(topic)) return [];
    const message = `There is no topic ${topic} in the catalogue: GET /topics lists them, and a pattern such as user.* may cover future ones.`;
    return [{ pointer: `/topics/${index}`, code: 'unknown_topic', message }];
  });
}
