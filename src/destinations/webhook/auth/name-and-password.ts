/** User names and passwords, as basic and digest have them. */
import type { AuthFields, TextRule } from './auth-fields.ts';

/** RFC 7617, 2: no colon in the name, no control characters; the same holds for digest (RFC 7616, 3.4.2). */
const USERNAME: TextRule = {
  pattern: /^[^:\p{Cc}\p{Cs}]{1,255}$/u,
  expected: 'A user name has 1 to 255 characters, no colon and no control characters.',
};
const PASSWORD: TextRule = {
  pattern: /^[^\p{Cc}\p{Cs}]{0,1024}$/u,
  expected: 'A password has at most 1024 characters, no control characters among them.',
};

export interface NameAndPassword {
  readonly username: string;
  readonly password: string;
}

export function checkNameAndPassword(fields: AuthFields): NameAndPassword {
  return {
    username: fields.required('username', USERNAME),
    password: fields.required('password', PASSWORD),
  };
}
