/** Requests and answers of `node:http`, as far as they are used here: typed by shape, so that no package is needed. */
import { joined, utf8 } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import type { Answer } from './receiver.ts';

const HUNG_UP = 'the sender hung up before the end of the body';

/** A stream of bytes. */
export interface NodeStream {
  on(event: string, listener: (chunk: Uint8Array | string) => void): unknown;
  removeListener(event: string, listener: (chunk: Uint8Array | string) => void): unknown;
  resume(): unknown;
  readonly destroyed: boolean;
}

export interface NodeRequest extends NodeStream {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface NodeResponse {
  readonly statusCode: number;
  readonly headersSent: boolean;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  end(body?: string): unknown;
  once(event: string, listener: () => void): unknown;
}

/**
 * All of it; `null` where it has more bytes than that: what comes beyond is let go unread, so that the answer arrives.
 * Rejects where the sender hangs up in the middle.
 */
export function readStream(stream: NodeStream, maxBytes: number): Promise<Bytes | null> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed) reject(new Error(HUNG_UP));
    const chunks: Uint8Array[] = [];
    let length = 0;
    const take = (chunk: Uint8Array | string) => {
      const bytes = typeof chunk === 'string' ? utf8(chunk) : chunk;
      length += bytes.length;
      if (length <= maxBytes) {
        chunks.push(bytes);
        return;
      }
      stream.removeListener('data', take);
      stream.resume();
      resolve(null);
    };
    stream.on('data', take);
    stream.on('end', () => resolve(joined(chunks)));
    stream.on('error', (error: unknown) =>
      reject(error instanceof Error ? error : new Error(String(error))),
    );
    stream.on('close', () => reject(new Error(HUNG_UP)));
  });
}

export function sendAnswer(response: NodeResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers);
  response.end(body);
}

/** Calls back once: whether an answer with 2xx went out whole. */
export function onceAnswered(response: NodeResponse, settle: (ok: boolean) => void): void {
  let isOver = false;
  const over = (finished: boolean) => {
    if (isOver) return;
    isOver = true;
    settle(finished && response.statusCode >= 200 && response.statusCode < 300);
  };
  response.once('finish', () => over(true));
  response.once('close', () => over(false));
}
