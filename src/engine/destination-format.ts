/** The format of a destination after what the caller said of it. */
import type { FieldProblem } from '../destinations/destination-type.ts';
import type { Format, FormatName } from '../domain/format.ts';
import type { Expressions } from '../domain/payload.ts';

export interface FormatChange {
  /** `null`: the profile's own. */
  readonly format?: FormatName | null;
  /** Of the format `jmespath`, which cannot be without one. */
  readonly expression?: string | null;
}

/** What is wrong is added to `problems`. */
export function changedFormat(
  before: Format,
  change: FormatChange,
  expressions: Expressions,
  problems: FieldProblem[],
): Format {
  const name = change.format === undefined ? before.name : (change.format ?? 'profile');
  const wrong = (code: string, message: string) =>
    problems.push({ pointer: '/expression', code, message });
  if (name !== 'jmespath') {
    if (change.expression !== undefined && change.expression !== null)
      wrong('conflict', 'Only the format `jmespath` has an expression.');
    return { name };
  }
  const kept = before.name === 'jmespath' ? before.expression : null;
  const expression = change.expression === undefined ? kept : change.expression;
  if (expression === null) {
    wrong('required', 'The format `jmespath` needs an expression, which builds the body.');
    return before;
  }
  const problem = expression === kept ? null : expressions.check(expression);
  if (problem !== null) wrong('expression', problem);
  return { name, expression };
}
