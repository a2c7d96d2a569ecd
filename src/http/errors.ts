/**
 * All errors of the API: one closed table. Each answer with an error has the same shape,
 * `{status, code, message, data, errors, request_id}`; `code` is a name of this table.
 */

export interface FieldError {
  /** JSON pointer into the body; `?name` for a query parameter. */
  readonly pointer: string;
  readonly code: string;
  /** What is wrong and what is right; a whole sentence. */
  readonly message: string;
}

/** JSON pointer to the member of that name (RFC 6901). */
export function pointerTo(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

interface ErrorKind {
  readonly status: number;
  /** For the reference: when it comes and what to do. */
  readonly meaning: string;
}

export const API_ERRORS = {
  bad_request: {
    status: 400,
    meaning: 'This is not well-formed HTTP: its URL, its headers or the length of its body.',
  },
  invalid_json: {
    status: 400,
    meaning: 'The body is not JSON in UTF-8; the message says where it stops being so.',
  },
  destination_disabled: {
    status: 400,
    meaning: 'The destination is disabled: enable it, then retry.',
  },
  unauthorized: {
    status: 401,
    meaning:
      'No valid key or token was given, or it has expired or was revoked: send it as `Authorization: Bearer <key>`.',
  },
  forbidden: {
    status: 403,
    meaning: 'This key or token may not do that; the message says which ones may.',
  },
  client_scope: {
    status: 403,
    meaning:
      'The scope of this API client does not go that far: `webhook` is for subscriptions, hooks and their deliveries, `api` for publishing, reading and retrying.',
  },
  client_permission: {
    status: 403,
    meaning:
      'The API client’s permissions do not cover that subject and event: widen them at `/apiclients/{urn}`, or choose others.',
  },
  not_found: { status: 404, meaning: 'There is nothing at this path, or no such method.' },
  tenant_not_found: {
    status: 404,
    meaning: 'There is no such tenant: create it with `PUT /tenants/{tenant_id}`.',
  },
  destination_not_found: { status: 404, meaning: 'The tenant has no such destination.' },
  key_not_found: { status: 404, meaning: 'There is no such key.' },
  subscription_not_found: { status: 404, meaning: 'There is no such webhook subscription.' },
  hook_not_found: { status: 404, meaning: 'There is no such hook; it may have been unsubscribed.' },
  api_client_not_found: { status: 404, meaning: 'There is no such API client.' },
  event_not_found: {
    status: 404,
    meaning: 'There is no such event; it may have been dropped at the end of its retention.',
  },
  delivery_not_found: {
    status: 404,
    meaning: 'There is no such delivery; it may have been dropped at the end of its retention.',
  },
  topic_not_found: {
    status: 404,
    meaning: 'There is no such topic in the catalogue: `PUT /catalogue/{topic}` adds it.',
  },
  destination_type_not_found: {
    status: 404,
    meaning: 'There is no such destination type: `GET /destination-types` lists them.',
  },
  attempt_not_found: {
    status: 404,
    meaning: 'There is no such attempt; it may have been dropped at the end of its retention.',
  },
  request_timeout: { status: 408, meaning: 'The request did not arrive whole in time.' },
  id_taken: {
    status: 409,
    meaning: 'There is a destination of this id already: choose another, or change that one.',
  },
  event_conflict: {
    status: 409,
    meaning:
      'An event of this id was published with other content: repeat it unchanged, or use a new id.',
  },
  ambiguous_id: {
    status: 409,
    meaning: 'Several tenants have used this id: give `tenant_id` as well.',
  },
  changed_meanwhile: {
    status: 409,
    meaning: 'Somebody else changed it at the same moment: read it again and repeat.',
  },
  replay_not_found: {
    status: 404,
    meaning: 'There is no such replay; it may have been dropped at the end of its retention.',
  },
  replay_ended: {
    status: 409,
    meaning: 'The replay has ended: make a new one for what is left, with `select: failed`, say.',
  },
  delivery_final: { status: 409, meaning: 'The delivery has ended: there is nothing to cancel.' },
  key_revoked: { status: 409, meaning: 'The key was revoked: create another one.' },
  topic_in_use: {
    status: 409,
    meaning:
      'Destinations name the topic: change them first, or delete it all the same with `force=true`.',
  },
  test_of_disabled: {
    status: 409,
    meaning: 'The destination is disabled: enable it, then test it.',
  },
  client_id_taken: {
    status: 409,
    meaning: 'Another API client of the tenant has this `client_id`: choose another.',
  },
  api_client_revoked: {
    status: 409,
    meaning: 'The API client was revoked: create another one.',
  },
  precondition_failed: {
    status: 412,
    meaning:
      'It is not as `If-Match` says any more: read it again, and repeat the change with its `ETag`.',
  },
  payload_too_large: {
    status: 413,
    meaning: 'The body, or the `data` of an event, is larger than allowed.',
  },
  unsupported_media_type: {
    status: 415,
    meaning: 'Bodies are JSON: send `Content-Type: application/json`.',
  },
  validation_failed: {
    status: 422,
    meaning: 'Fields are missing, wrong or unknown; `errors` names each with what is right.',
  },
  too_many_destinations: {
    status: 422,
    meaning: 'The tenant has as many destinations as it may have.',
  },
  too_many_topics: {
    status: 422,
    meaning: 'The topic catalogue would have more topics than it may have.',
  },
  too_many_replays: {
    status: 422,
    meaning: 'The tenant has as many replays running or paused as it may have.',
  },
  rate_limited: {
    status: 429,
    meaning:
      'The tenant has published as many events as it may in a minute: repeat after as many seconds as `Retry-After` says.',
  },
  too_many_tests: {
    status: 429,
    meaning:
      'A destination gets 10 test events a minute, a tenant 60: wait for the seconds of `Retry-After`.',
  },
  too_many_api_clients: {
    status: 422,
    meaning: 'The tenant has as many API clients as it may have: revoke one.',
  },
  too_many_failed_sign_ins: {
    status: 429,
    meaning:
      'Too many wrong keys or tokens came from this address: wait as many seconds as `Retry-After` says, and send a good one.',
  },
  headers_too_large: {
    status: 431,
    meaning: 'The URL and the headers together are larger than allowed.',
  },
  internal: { status: 500, meaning: 'Something unexpected; it was logged under the `request_id`.' },
  unavailable: {
    status: 503,
    meaning: 'The database takes nothing at the moment; nothing was kept. Repeat the request.',
  },
  in_doubt: {
    status: 504,
    meaning:
      'The database was lost while it committed: this was carried out, or not. Repeat it; an event that has an `id` of yours is stored once.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ApiErrorCode = keyof typeof API_ERRORS;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly errors: readonly FieldError[];
  /** Seconds, for the header `Retry-After`. */
  readonly retryAfterS: number | null;

  /** Without a message, the meaning of the code. */
  constructor(
    code: ApiErrorCode,
    message?: string,
    errors: readonly FieldError[] = [],
    retryAfterS: number | null = null,
  ) {
    super(message ?? API_ERRORS[code].meaning);
    this.code = code;
    this.status = API_ERRORS[code].status;
    this.errors = errors;
    this.retryAfterS = retryAfterS;
  }
}

export function validationFailed(errors: readonly FieldError[]): ApiError {
  return new ApiError('validation_failed', 'The request has wrong fields: see `errors`.', errors);
}

export function nothingAt({ method, url }: { method: string; url: string }): ApiError {
  const message = `There is no ${method} ${url.split('?')[0]}; the API is described at /docs.`;
  return new ApiError('not_found', message);
}

export interface ErrorBody {
  readonly status: number;
  readonly code: ApiErrorCode;
  readonly message: string;
  /** Sentences for people, as Outpost gives them. */
  readonly data: readonly string[];
  readonly errors: readonly FieldError[];
}

/** A small body can have very many mistakes; nobody reads more of them than this. */
export const MAX_FIELD_ERRORS = 100;

export function errorBody({ status, code, message, errors }: ApiError): ErrorBody {
  const shown = errors.slice(0, MAX_FIELD_ERRORS);
  return { status, code, message, data: shown.map(sentenceOf), errors: shown };
}

function sentenceOf({ pointer, message }: FieldError): string {
  return pointer === '' ? message : `${pointer}: ${message}`;
}
