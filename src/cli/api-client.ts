/** Calls the API of a running server, for the commands that are done through it. */
import type { Environment } from '../config-given.ts';

export interface ApiClient {
  /** The answer's text; `body` is sent as JSON. Rejects with `CallError` where it is no success. */
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<string>;
}

/** A call that did not succeed, in words for the one who typed the command. */
export class CallError extends Error {
  override readonly name = 'CallError';
}

const DEFAULT_URL = 'http://127.0.0.1:8080';
const TIMEOUT_MS = 60_000;

/** Of `ANGARIUM_URL` and `ANGARIUM_API_KEY`. Throws `CallError` where they cannot be used. */
export function createApiClient(env: Environment): ApiClient {
  const url = env['ANGARIUM_URL'] ?? DEFAULT_URL;
  const key = env['ANGARIUM_API_KEY'];
  const base = URL.parse(url);
  if (base === null || !/^https?:$/.test(base.protocol))
    throw new CallError(`ANGARIUM_URL: write the server’s URL, such as ${DEFAULT_URL}`);
  if (key === undefined || !/^[\x21-\x7e]+$/.test(key)) {
    throw new CallError(
      'ANGARIUM_API_KEY: give the operator’s key; a server that made one itself said where it is kept',
    );
  }
  const root = base.href.replace(/\/+$/, '');
  return {
    async call(method, path, body) {
      const response = await fetch(`${root}/api/v1${path}`, {
        method,
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }).catch((error: unknown) => {
        throw new CallError(
          `there is no answer of ${root} (${reasonOf(error)}): is the server there, and ANGARIUM_URL right?`,
        );
      });
      const text = await response.text();
      if (response.ok) return text;
      throw new CallError(`${method} ${path} was refused: ${refusal(response.status, text)}`);
    },
  };
}

/** What the API says of its errors (src/http/errors.ts), a line each. */
function refusal(status: number, text: string): string {
  const body = parsed(text);
  if (typeof body !== 'object' || body === null || !('message' in body)) return `status ${status}`;
  const sentences: readonly unknown[] = 'data' in body && Array.isArray(body.data) ? body.data : [];
  return [String(body.message), ...sentences.map((each) => `  ${String(each)}`)].join('\n');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Why `fetch` failed: its own message says only that it did. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
