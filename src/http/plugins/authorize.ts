/** Who may: the operator's key, compared in constant time. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.ts';

const BEARER = 'bearer ';

export type IsAuthorized = (request: FastifyRequest) => boolean;

export function operatorKey(apiKey: string): IsAuthorized {
  const expected = digest(apiKey);
  return ({ headers: { authorization } }) =>
    // Digests are of one length, so that the comparison tells nothing of the key, its length neither.
    authorization !== undefined &&
    isBearer(authorization) &&
    timingSafeEqual(digest(authorization.slice(BEARER.length)), expected);
}

/** Every route of the scope wants the key. */
export function authorize(scope: FastifyInstance, isAuthorized: IsAuthorized): void {
  scope.addHook('onRequest', (request, _reply, done) => {
    done(isAuthorized(request) ? undefined : new ApiError('unauthorized'));
  });
}

function isBearer(header: string): boolean {
  return header.slice(0, BEARER.length).toLowerCase() === BEARER;
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
