/** The bodies that were, or are being, rendered of an event, by payload. Nearly all events have one: it costs no map. */
import type { Payload, PayloadError } from '../domain/payload.ts';

/** The bytes to send, or why there are none. */
export type Body = Uint8Array | PayloadError;

export class Bodies {
  #payload: Payload | null = null;
  #body: Body | Promise<Body> | undefined;
  #others: Map<Payload, Body | Promise<Body>> | null = null;

  get(payload: Payload): Body | Promise<Body> | undefined {
    return payload === this.#payload ? this.#body : this.#others?.get(payload);
  }

  set(payload: Payload, body: Body | Promise<Body>): void {
    this.#payload ??= payload;
    if (payload === this.#payload) this.#body = body;
    else (this.#others ??= new Map()).set(payload, body);
  }

  /** It is rendered again when it is asked for next. */
  forget(payload: Payload): void {
    if (payload === this.#payload) this.#body = undefined;
    else this.#others?.delete(payload);
  }
}
