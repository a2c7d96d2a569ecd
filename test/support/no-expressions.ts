/** For tests whose payloads are made by no expression. */
import { PayloadError } from '../../src/domain/payload.ts';
import type { Expressions } from '../../src/domain/payload.ts';

export const noExpressions: Expressions = {
  check: () => 'Nothing here evaluates expressions.',
  evaluate: (expression) =>
    Promise.reject(new PayloadError(`Nothing here evaluates ${expression}.`)),
};
