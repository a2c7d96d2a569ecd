/** Basic (RFC 7617): user name and password in UTF-8. */
import type { AuthFields } from './auth-fields.ts';
import { checkNameAndPassword } from './name-and-password.ts';
import type { NameAndPassword } from './name-and-password.ts';

export interface BasicAuth extends NameAndPassword {
  readonly method: 'basic';
}

export function checkBasic(fields: AuthFields): BasicAuth {
  return { method: 'basic', ...checkNameAndPassword(fields) };
}

/** The value of `authorization`. */
export function basicAuthorization({ username, password }: NameAndPassword): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
