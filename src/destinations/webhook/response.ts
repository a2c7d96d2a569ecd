/** What is kept of a receiver's answer. */
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import type { Transform } from 'node:stream';
import { headerLines } from '../../domain/attempt.ts';
import type { HeaderLines } from '../../domain/attempt.ts';
import { MAX_RETRY_AFTER_MS } from '../../domain/retry-schedule.ts';

/** Of the body, decompressed. */
export const MAX_BODY_BYTES = 16 * 1024;

/** The largest window that a `zstd` content may ask for: 8 MiB (RFC 9659); zlib would allocate up to 128 MiB. */
const ZSTD_MAX_WINDOW_LOG = 23;

export function responseHeaders(
  headers: Record<string, string | string[] | undefined>,
): HeaderLines {
  const list: string[] = [];
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') list.push(name, oneLine(value));
    else if (value !== undefined) for (const each of value) list.push(name, oneLine(each));
  }
  return headerLines(list);
}

/** The three forms of an HTTP date (RFC 9110, 5.6.7); the last says no zone and means GMT. */
const HTTP_DATE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/;

/** Seconds, or an HTTP date (RFC 9110, 10.2.3), as a wait from now; `null` where it is neither. */
export function retryAfterMs(value: string | string[] | undefined, nowMs: number): number | null {
  const text = (Array.isArray(value) ? value[0] : value)?.trim();
  if (text === undefined) return null;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  // What else `Date.parse` takes for a date is not meant as one: it reads -5 as May 2001.
  if (!HTTP_DATE.test(text)) return null;
  const dateMs = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(dateMs) ? null : Math.min(Math.max(0, dateMs - nowMs), MAX_RETRY_AFTER_MS);
}

/**
 * Decompresses what was sent compressed though identity was asked for, up to the limit; a bomb is stopped there. What
 * does not decompress, or is of an encoding unknown here, is kept as it came.
 */
export async function bodyOf(
  chunks: readonly Buffer[],
  encoding: string,
): Promise<{ body: Uint8Array; isCut: boolean }> {
  const raw = Buffer.concat(chunks);
  const decompressor = decompressorFor(encoding);
  if (decompressor === null) return { body: raw, isCut: false };
  const parts: Buffer[] = [];
  let length = 0;
  try {
    decompressor.end(raw);
    for await (const chunk of decompressor as AsyncIterable<Buffer>) {
      parts.push(chunk);
      length += chunk.length;
      if (length > MAX_BODY_BYTES) break;
    }
  } catch {
    return { body: raw, isCut: false };
  }
  const whole = Buffer.concat(parts);
  return { body: whole.subarray(0, MAX_BODY_BYTES), isCut: whole.length > MAX_BODY_BYTES };
}

function decompressorFor(encoding: string): Transform | null {
  // What was cut off at the limit lacks its end: that is no error here.
  const zlib = { finishFlush: constants.Z_SYNC_FLUSH };
  switch (encoding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(zlib);
    case 'deflate':
      return createInflate(zlib);
    case 'br':
      return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return createZstdDecompress({
        finishFlush: constants.ZSTD_e_flush,
        params: { [constants.ZSTD_d_windowLogMax]: ZSTD_MAX_WINDOW_LOG },
      });
    default:
      return null;
  }
}

/** Without the white space at the end, which is not part of a value (RFC 9110, 5.5), and without line breaks. */
function oneLine(value: string): string {
  return (value.includes('\n') ? value.replaceAll('\n', ' ') : value).trimEnd();
}
