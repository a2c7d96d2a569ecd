/**
 * How an event looks on the wire: the body, and the headers that identify and sign it.
 *
 * The published bytes of `data` are spliced in unchanged, so that key order and the spelling of numbers survive. The
 * body does not depend on the destination or the attempt, and so is built once an event.
 */
import { createHmac } from 'node:crypto';
import type { Event } from './event.ts';
import type { WireFormat } from './profile.ts';

/** The bytes that are sent, and signed. */
export function renderBody(format: WireFormat, event: Event): Uint8Array {
  switch (format) {
    case 'standard_webhooks': {
      const head = `{"type":${JSON.stringify(event.topic)},"timestamp":"${new Date(event.timeMs).toISOString()}","data":`;
      // All of it is ASCII, as topics are, so that characters are bytes.
      const body = Buffer.allocUnsafe(head.length + event.data.length + 1);
      body.write(head, 0, 'latin1');
      body.set(event.data, head.length);
      body[body.length - 1] = 0x7d; // }
      return body;
    }
  }
}

export interface SignedMessage {
  readonly eventId: string;
  readonly body: Uint8Array;
  readonly keys: readonly Uint8Array[];
  /** The moment of this attempt. */
  readonly nowMs: number;
}

/**
 * The headers of one attempt, as a flat list of names and values. Standard Webhooks, "Webhook headers": the signed
 * text is `id.timestamp.body`; with several keys (rotation) the signatures are separated by a space.
 */
export function signatureHeaders(format: WireFormat, message: SignedMessage): string[] {
  switch (format) {
    case 'standard_webhooks': {
      const timestamp = String(Math.floor(message.nowMs / 1000));
      const signedHead = `${message.eventId}.${timestamp}.`;
      const signatures = message.keys.map((key) => {
        const digest = createHmac('sha256', key)
          .update(signedHead)
          .update(message.body)
          .digest('base64');
        return `v1,${digest}`;
      });
      return [
        'webhook-id',
        message.eventId,
        'webhook-timestamp',
        timestamp,
        'webhook-signature',
        signatures.join(' '),
      ];
    }
  }
}
