/** The body of every answer with an error. */
import { API_ERRORS } from '../errors.ts';
import { integer, arrayOf, object, oneOf, ref, string } from './json-schema.ts';

const MEMBERS = {
  status: integer(),
  code: oneOf(Object.keys(API_ERRORS), {
    description: 'A name of the closed table of errors.',
  }),
  message: string(),
  data: arrayOf(string(), { description: 'One sentence for each wrong field.' }),
  errors: arrayOf(
    object({
      pointer: string({
        description: 'JSON pointer into the body; `?name` for a query parameter.',
      }),
      code: string(),
      message: string(),
    }),
  ),
};

/** Of one event among several: the request is that of all. */
export const ErrorOfOne = object(MEMBERS);

export const ErrorSchema = object(
  {
    ...MEMBERS,
    request_id: string({ description: 'Also in the header `x-request-id`, and in the logs.' }),
  },
  { $id: 'Error', description: 'What happened, which field, what to do.' },
);

/** The error answers of a route, for its schema: these, and those that every route has. */
export function errorResponses(...statuses: readonly number[]): Record<number, unknown> {
  return Object.fromEntries(
    [401, 403, 404, ...statuses, 422, 429, 431, 500, 503, 504].map((status) => [
      status,
      ref('Error'),
    ]),
  );
}
