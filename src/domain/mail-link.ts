/**
 * Links in mails that do something without a login: each names what it is for, and is signed. What it names is readable
 * to who has the link: ids, and the reader's own address.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

export type MailLink =
  /** No more mails of the tenant to that address. It never expires. */
  | { readonly kind: 'unsubscribe'; readonly tenantId: string; readonly recipient: string }
  /** One more attempt of a delivery. */
  | {
      readonly kind: 'retry';
      readonly tenantId: string;
      readonly eventId: string;
      readonly destinationId: string;
      readonly expiresAtMs: number;
    };

const KEY_BYTES = 32;
const PURPOSE = 'angarium mail link v1';
/** Longer than any that is made. */
const MAX_LENGTH = 4096;

export class MailLinks {
  readonly #keys: readonly Uint8Array[];

  /** The current one of the encryption keys first; links of the others are good too. */
  constructor(encryptionKeys: readonly Uint8Array[]) {
    this.#keys = encryptionKeys.map(
      (key) => new Uint8Array(hkdfSync('sha256', key, '', PURPOSE, KEY_BYTES)),
    );
  }

  sign(link: MailLink): string {
    const [current] = this.#keys;
    if (current === undefined) throw new TypeError('at least one key is needed');
    const text = Buffer.from(JSON.stringify(link)).toString('base64url');
    return `${text}.${mac(current, text).toString('base64url')}`;
  }

  /** What the token stands for now; `null`: it is none of ours, or its time is over. */
  read(token: string, nowMs: number): MailLink | null {
    if (token.length > MAX_LENGTH) return null;
    const [text = '', signature = ''] = token.split('.');
    const given = Buffer.from(signature, 'base64url');
    const isOurs = this.#keys.some((key) => {
      const expected = mac(key, text);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
    if (!isOurs) return null;
    // Signed by this program.
    const link = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as MailLink;
    return link.kind === 'retry' && nowMs >= link.expiresAtMs ? null : link;
  }
}

function mac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
