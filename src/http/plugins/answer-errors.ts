/** Turns whatever went wrong into the one shape of errors. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StorageInDoubtError, StorageUnavailableError } from '../../storage/storage.ts';
import { ApiError, errorBody, nothingAt, pointerTo, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import type { HttpLog } from '../http-log.ts';

const RETRY_AFTER_S = 1;

export function answerErrors(server: FastifyInstance, log: HttpLog): void {
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const known = asApiError(error);
    if (known.status >= 500)
      log.requestFailed(request.id, request.method, request.routeOptions.url ?? request.url, error);
    return answer(known, request, reply);
  });
  server.setNotFoundHandler((request, reply) => answer(nothingAt(request), request, reply));
}

/** A URL that Fastify does not take: it comes before all hooks. */
export function answerBadUrl(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  void reply.header('x-request-id', request.id);
  void answer(asApiError(error), request, reply);
}

function answer(error: ApiError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.code === 'unavailable' || error.code === 'in_doubt')
    void reply.header('retry-after', RETRY_AFTER_S);
  if (error.retryAfterS !== null) void reply.header('retry-after', error.retryAfterS);
  if (error.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  return reply.status(error.status).send({ ...errorBody(error), request_id: request.id });
}

function asApiError(error: FastifyError): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StorageInDoubtError) return new ApiError('in_doubt');
  if (error instanceof StorageUnavailableError) return new ApiError('unavailable');
  if (error.validation !== undefined) {
    const telling = error.validation.filter(isTelling);
    return validationFailed((telling.length > 0 ? telling : error.validation).map(fieldError));
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiError('payload_too_large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiError('unsupported_media_type');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new ApiError('invalid_json', 'The body is empty: send JSON.');
    default:
      // What Fastify itself refuses (a malformed URL, a wrong content length) is the caller's mistake.
      return error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
        ? new ApiError('bad_request', `${error.message}.`)
        : new ApiError('internal');
  }
}

type Violation = NonNullable<FastifyError['validation']>[number];

/** Of a choice, its branches tell what is wrong; that it is not null either helps nobody. */
function isTelling({ keyword, params, ...rest }: Violation): boolean {
  return keyword !== 'anyOf' && params['type'] !== 'null' && !('propertyName' in rest);
}

function fieldError({ instancePath, keyword, message, params }: Violation): FieldError {
  const missing = params['missingProperty'];
  const unknown = params['additionalProperty'];
  if (typeof missing === 'string') {
    return {
      pointer: `${instancePath}${pointerTo(missing)}`,
      code: 'required',
      message: 'This field is required.',
    };
  }
  if (typeof unknown === 'string') {
    return {
      pointer: `${instancePath}${pointerTo(unknown)}`,
      code: 'unknown_field',
      message: 'There is no such field.',
    };
  }
  const name = params['propertyName'];
  if (typeof name === 'string') {
    return {
      pointer: `${instancePath}${pointerTo(name)}`,
      code: 'name',
      message: 'This name is longer than allowed.',
    };
  }
  return {
    pointer: instancePath,
    code: keyword,
    message: `It ${message ?? 'is wrong'}${allowedValues(params)}.`,
  };
}

function allowedValues(params: Record<string, unknown>): string {
  const allowed = params['allowedValues'] ?? params['allowedValue'];
  if (allowed === undefined) return '';
  return `: ${Array.isArray(allowed) ? allowed.join(', ') : JSON.stringify(allowed)}`;
}
