/** The body as it came. */
import { textOf, utf8 } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

/** The bytes as they came, or their text. Not parsed: JSON that was parsed and written again has another signature. */
export type BodyInput = string | Uint8Array | ArrayBuffer;

export function readBody(body: unknown): Bytes | Refused {
  if (typeof body === 'string') return utf8(body);
  if (ArrayBuffer.isView(body)) return copyOf(body.buffer, body.byteOffset, body.byteLength);
  // It may come from another realm, so that it is no instance of this one's.
  if (Object.prototype.toString.call(body) === '[object ArrayBuffer]')
    return new Uint8Array(body as ArrayBuffer);
  return refused(
    'unreadable_body',
    typeof body === 'object' && body !== null
      ? 'the body is an object: give its bytes as they came, before anything parses them'
      : 'the body is neither text nor bytes',
  );
}

/** The JSON in it; `undefined` where there is none. */
export function parseBody(body: Bytes): unknown {
  const text = textOf(body);
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A member of a JSON object itself, not of what all objects have. */
export function memberOf(payload: unknown, name: string): unknown {
  if (!isObject(payload) || !Object.hasOwn(payload, name)) return undefined;
  return payload[name];
}

export function isObject(payload: unknown): payload is Readonly<Record<string, unknown>> {
  return typeof payload === 'object' && payload !== null && !Array.isArray(payload);
}

function copyOf(buffer: ArrayBufferLike, offset: number, length: number): Bytes {
  const copy = new Uint8Array(length);
  copy.set(new Uint8Array(buffer, offset, length));
  return copy;
}
