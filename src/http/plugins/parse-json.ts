/** JSON bodies: strict UTF-8; an empty body is none. */
import type { FastifyInstance } from 'fastify';
import { parseJsonBody } from '../json-text.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a JSON body that was parsed: a value does not show how its numbers were spelled. */
    bodyBytes: Buffer | null;
  }
}

/** Bodies as values. `__proto__` and the like become ordinary members, which no schema lets pass. */
export function parseJsonBodies(scope: FastifyInstance): void {
  scope.decorateRequest('bodyBytes', null);
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      // With `parseAs: 'buffer'` it is one.
      request.bodyBytes = body as Buffer;
      done(null, body.length === 0 ? undefined : parseJsonBody(request.bodyBytes));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/** Bodies as bytes: the route reads them itself. */
export function keepJsonBytes(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
}
