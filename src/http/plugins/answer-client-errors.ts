/** Answers to what Node cannot read as HTTP, in the shape of all errors. Nothing of it reaches Fastify. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError, errorBody } from '../errors.ts';
import type { ApiErrorCode } from '../errors.ts';

export function clientErrors(
  nextRequestId: () => string,
): (error: Error & { code?: string }, socket: Socket) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    if (socket.writable) socket.write(answer(codeOf(error), nextRequestId()));
    // The rest of what came cannot be told apart from a next request.
    socket.destroySoon();
  };
}

function codeOf({ code }: { code?: string }): ApiErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'bad_request';
}

function answer(code: ApiErrorCode, requestId: string): string {
  const error = errorBody(new ApiError(code));
  const body = JSON.stringify({ ...error, request_id: requestId });
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
