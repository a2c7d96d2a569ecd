/** For tests whose payloads are made by no expression. */
import { PayloadError } from '../../src/domain/payload.ts';
import type { EvaluateExpression } from '../../src/domain/payload.ts';

export const noExpressions: EvaluateExpression = (expression) => {
  throw new PayloadError(`nothing here evaluates ${expression}`);
};
