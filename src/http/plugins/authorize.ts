/** Who may: the operator's key, compared in constant time. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../errors.ts';

const BEARER = 'bearer ';

/** Every route of the scope wants the key. */
export function authorize(scope: FastifyInstance, apiKey: string): void {
  const expected = digest(apiKey);
  scope.addHook('onRequest', (request, _reply, done) => {
    const header = request.headers.authorization;
    // Digests are of one length, so that the comparison tells nothing of the key, its length neither.
    const isValid =
      header !== undefined &&
      isBearer(header) &&
      timingSafeEqual(digest(header.slice(BEARER.length)), expected);
    done(isValid ? undefined : new ApiError('unauthorized'));
  });
}

function isBearer(header: string): boolean {
  return header.slice(0, BEARER.length).toLowerCase() === BEARER;
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
