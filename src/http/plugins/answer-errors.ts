/** Turns whatever went wrong into the one shape of errors. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StorageUnavailableError } from '../../storage/storage.ts';
import { ApiError, errorBody, validationFailed } from '../errors.ts';
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
  server.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url.split('?')[0]}; the API is described at /docs.`;
    return answer(new ApiError('not_found', message), request, reply);
  });
}

function answer(error: ApiError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.code === 'unavailable') void reply.header('retry-after', RETRY_AFTER_S);
  if (error.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  return reply.status(error.status).send({ ...errorBody(error), request_id: request.id });
}

function asApiError(error: FastifyError): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StorageUnavailableError) return new ApiError('unavailable');
  if (error.validation !== undefined) return validationFailed(error.validation.map(fieldError));
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
        ? new ApiError('invalid_json', error.message)
        : new ApiError('internal');
  }
}

type Violation = NonNullable<FastifyError['validation']>[number];

function fieldError({ instancePath, keyword, message, params }: Violation): FieldError {
  const missing = params['missingProperty'];
  const unknown = params['additionalProperty'];
  if (typeof missing === 'string') {
    return {
      pointer: `${instancePath}/${escape(missing)}`,
      code: 'required',
      message: 'This field is required.',
    };
  }
  if (typeof unknown === 'string') {
    return {
      pointer: `${instancePath}/${escape(unknown)}`,
      code: 'unknown_field',
      message: 'There is no such field.',
    };
  }
  return {
    pointer: instancePath,
    code: keyword,
    message: `It ${message ?? 'is wrong'}${allowedValues(params)}.`,
  };
}

function allowedValues(params: Record<string, unknown>): string {
  const allowed = params['allowedValues'];
  return Array.isArray(allowed) ? `: ${allowed.join(', ')}` : '';
}

function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
