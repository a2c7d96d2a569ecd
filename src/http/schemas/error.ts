/** The body of every answer with an error. */
import { Type } from 'typebox';
import { API_ERRORS } from '../errors.ts';

export const ErrorSchema = Type.Object(
  {
    status: Type.Integer(),
    code: Type.Enum(Object.keys(API_ERRORS), {
      description: 'A name of the closed table of errors.',
    }),
    message: Type.String(),
    data: Type.Array(Type.String(), { description: 'One sentence for each wrong field.' }),
    errors: Type.Array(
      Type.Object({
        pointer: Type.String({
          description: 'JSON pointer into the body; `?name` for a query parameter.',
        }),
        code: Type.String(),
        message: Type.String(),
      }),
    ),
    request_id: Type.String({ description: 'Also in the header `x-request-id`, and in the logs.' }),
  },
  { $id: 'Error', description: 'What happened, which field, what to do.' },
);

/** The error answers of a route, for its schema. */
export function errorResponses(...statuses: readonly number[]): Record<number, unknown> {
  return Object.fromEntries(
    [401, ...statuses, 500, 503].map((status) => [status, Type.Ref('Error')]),
  );
}
