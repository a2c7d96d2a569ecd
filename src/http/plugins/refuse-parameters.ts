/** Routes that take no query parameters, or no body, refuse them: they would be silently ignored. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { pointerTo, validationFailed } from '../errors.ts';
import { Query } from '../query.ts';

/** Before the routes of the scope are added. */
export function refuseParameters(scope: FastifyInstance): void {
  scope.addHook('onRoute', (route) => {
    const takesParameters = route.schema?.querystring !== undefined;
    const takesBody = route.schema?.body !== undefined;
    if (takesParameters && takesBody) return;
    route.preValidation = (request: FastifyRequest, _reply, done) => {
      if (!takesParameters && request.url.includes('?')) new Query(request.query, []).done();
      if (!takesBody) refuseBody(request.body);
      done();
    };
  });
}

function refuseBody(body: unknown): void {
  if (body === undefined || body === null) return;
  const names = typeof body === 'object' && !Array.isArray(body) ? Object.keys(body) : [''];
  const pointers = names.map((name) => (name === '' ? '' : pointerTo(name)));
  const message = 'There is no such field: this request has no body.';
  if (pointers.length > 0)
    throw validationFailed(
      pointers.map((pointer) => ({ pointer, code: 'unknown_field', message })),
    );
}
