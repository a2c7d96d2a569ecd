/**
 * How a sender signs, as data: what is signed, where the signature stands, what the key's bytes are, and where the
 * message says its id, topic and time. The built-in profiles (profiles.ts) are such data; a scheme of your own is too.
 */

export interface Scheme {
  readonly name: string;
  /** What the signature covers, one after the other, with nothing between but what is written here as text. */
  readonly signed: readonly SignedPart[];
  readonly signature: SignatureField;
  /** How a secret becomes a key: the first whose prefix the secret begins with. */
  readonly keys: readonly KeyForm[];
  readonly id: Source | null;
  readonly topic: Source | null;
  readonly time: TimeSource | null;
  /**
   * The body has to be a JSON object. Needed where nothing separates the signed parts: else the end of the body could be
   * passed off as the beginning of a header.
   */
  readonly bodyIsObject?: boolean;
  /** Members of the body: the resource's name, and its vector clock. */
  readonly version?: { readonly resource: string; readonly clock: string };
}

export type SignedPart =
  | { readonly text: string }
  | { readonly body: true }
  /** The value of a header, which must not contain `without`: the text that ends this part. */
  | { readonly header: string; readonly without?: string }
  /** The values of the headers whose names, separated by commas, are the value of this one, in its order. */
  | { readonly headersNamedIn: string; readonly atLeast: readonly string[] };

export interface SignatureField {
  readonly header: string;
  /** Characters between signatures, while secrets rotate. A sender that never writes several has one all the same. */
  readonly separators: string;
  readonly forms: readonly SignatureForm[];
}

export interface SignatureForm {
  readonly algorithm: 'hmac-sha1' | 'hmac-sha256' | 'hmac-sha512' | 'ed25519';
  readonly encoding: 'hex' | 'base64';
  /** Before the signature. Where there is one form only, all but the first signature of a list may lack it. */
  readonly prefix: string;
}

export interface KeyForm {
  readonly kind: 'hmac' | 'ed25519';
  readonly prefix: string;
  /** `utf8`: the bytes of the whole secret, prefix included. `base64`: what the rest of it is the base64 of. */
  readonly bytes: 'utf8' | 'base64';
  readonly minBytes: number;
  readonly maxBytes: number;
}

/** `member`: of the JSON object in the body. `members`: several, joined by a full stop. */
export type Source =
  | { readonly header: string }
  | { readonly member: string }
  | { readonly members: readonly string[] };

export interface TimeSource {
  readonly from: Source;
  /** `utc`: `2026-11-21T10:00:00.000`, without a zone. */
  readonly format: 'unix_seconds' | 'rfc3339' | 'utc';
  /** Only a signed time of the attempt is held against the tolerance: retries carry the event's time for days. */
  readonly of: 'attempt' | 'event';
}

/** Whether the signature covers what is read from there. */
export function isSigned(scheme: Scheme, source: Source): boolean {
  return scheme.signed.some((part) => {
    if ('body' in part) return !('header' in source);
    if (!('header' in source)) return false;
    if ('header' in part) return part.header === source.header;
    return 'headersNamedIn' in part && part.atLeast.includes(source.header);
  });
}
