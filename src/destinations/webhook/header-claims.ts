/**
 * Which headers of a webhook are not for the tenant to set, and why. What only informs receivers he may replace: his value
 * then goes out instead of the profile's.
 */
import type { HeaderRole } from '../../domain/header-roles.ts';
import type { HttpSignature } from '../../domain/http-signature.ts';
import type { MessageFormat } from '../../domain/message-format.ts';
import { HTTP_SIGNATURE_HEADERS } from './http-signature.ts';

/** Why a header is not to be set by hand: it frames the message, is part of some standard or of `auth`, or has that role. */
export type HeaderClaim = Exclude<HeaderRole, 'information'> | 'framing' | 'reserved' | 'auth';

export interface HeaderClaims {
  /** `null`: nobody's. Asked in lower case. */
  of(name: string): HeaderClaim | null;
  /** Whether the message has one of that name by itself, which gives way. */
  isReplaced(name: string): boolean;
}

const FRAMING =
  /^(?:host|content-length|transfer-encoding|connection|keep-alive|proxy-connection|te|trailer|upgrade|expect|content-encoding|accept-encoding)$/i;
const RESERVED = /^webhook-/i;
const DESCRIBING = /^(?:content-type|user-agent)$/i;

/** `authNames`: of the headers that the destination's `auth` sets, in lower case. */
export function headerClaims(
  { roles }: MessageFormat,
  httpSignature: HttpSignature | null,
  authNames: ReadonlySet<string>,
): HeaderClaims {
  return {
    of(name) {
      if (FRAMING.test(name)) return 'framing';
      if (httpSignature !== null && HTTP_SIGNATURE_HEADERS.includes(name)) return 'signature';
      const role = roles.get(name) ?? 'information';
      if (role !== 'information') return role;
      if (authNames.has(name)) return 'auth';
      return RESERVED.test(name) ? 'reserved' : null;
    },
    isReplaced: (name) => roles.get(name) === 'information',
  };
}

/** What is said to whom it is refused; `name` as he wrote it. */
export function claimMessage(claim: HeaderClaim, name: string): string {
  switch (claim) {
    case 'framing':
      return `“${name}” frames the message or belongs to its connection: only the sender sets it. Leave it out.`;
    case 'signature':
      return `“${name}” is the signature, or is what receivers verify it by: with any other value they would refuse the message. Leave it out.`;
    case 'repeats':
      return `“${name}” tells receivers a repeated message from a new one: with a value of yours, all messages would look like the same. Leave it out.`;
    case 'cloudevents':
      return `“${name}” is part of each CloudEvent. Leave it out, or choose another \`format\`.`;
    case 'auth':
      return `“${name}” is set by the destination’s \`auth\`. Leave it out here, or change \`auth\`.`;
    case 'reserved':
      return `“${name}” begins with webhook-, as names of Standard Webhooks and of the handshake do. Choose another name.`;
  }
}

/** Whether the destination's messages set the header themselves; asked in lower case. */
export function takenHeaders(
  { roles }: MessageFormat,
  httpSignature: HttpSignature | null,
): (name: string) => boolean {
  return (name) =>
    roles.has(name) || (httpSignature !== null && HTTP_SIGNATURE_HEADERS.includes(name));
}

/** Frames, describes or identifies the message: neither `auth` nor metadata sets it. */
export function isReservedHeader(name: string): boolean {
  return FRAMING.test(name) || DESCRIBING.test(name) || RESERVED.test(name);
}
