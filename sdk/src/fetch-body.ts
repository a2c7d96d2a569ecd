/** The body of a `Request`, up to a limit. */
import { joined } from './bytes.ts';
import type { Bytes } from './bytes.ts';

/** All of it; `null` where it has more bytes than that. The request's own body stays unread. */
export async function readRequest(request: Request, maxBytes: number): Promise<Bytes | null> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > maxBytes) return null;
  const { body } = request.clone();
  if (body === null) return new Uint8Array();
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks);
    length += value.length;
    if (length > maxBytes) {
      // Not waited for: of two branches, it would only end when both are given up.
      void reader.cancel();
      return null;
    }
    chunks.push(value);
  }
}
