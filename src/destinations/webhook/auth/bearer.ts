/** Bearer (RFC 6750, 2.1): a fixed token. */
import type { AuthFields, TextRule } from './auth-fields.ts';

export interface BearerAuth {
  readonly method: 'bearer';
  readonly token: string;
}

/** Wider than the RFC's `b64token`, as tokens in use are; a blank would end it. */
const TOKEN: TextRule = {
  pattern: /^[\x21-\x7e]{1,8192}$/,
  expected: 'A token has 1 to 8192 visible ASCII characters, without blanks.',
};

export function checkBearer(fields: AuthFields): BearerAuth {
  return { method: 'bearer', token: fields.required('token', TOKEN) };
}

/** The value of `authorization`; `null` where no header could carry the token. */
export function bearerAuthorization(token: string): string | null {
  return TOKEN.pattern.test(token) ? `Bearer ${token}` : null;
}
