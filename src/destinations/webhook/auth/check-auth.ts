/** What the authentication of a webhook destination may be, checked when it is written. */
import type { FieldProblem } from '../../destination-type.ts';
import type { AddressGuard } from '../../address-guard.ts';
import { asMembers, AuthFields } from './auth-fields.ts';
import { checkBasic } from './basic.ts';
import { checkBearer } from './bearer.ts';
import { checkDigest } from './digest.ts';
import { checkHeader } from './header.ts';
import { checkMtls } from './mtls.ts';
import { checkOauth2 } from './oauth2.ts';
import type { WebhookAuth } from './webhook-auth.ts';

const METHODS = ['none', 'basic', 'digest', 'bearer', 'oauth2', 'mtls', 'header'];

export interface AuthCheck {
  readonly guard: AddressGuard;
  readonly nowMs: number;
  /** Whether the profile sets a header itself; asked in lower case. */
  readonly isTaken: (name: string) => boolean;
}

/**
 * The authentication after what the caller said of it; what is wrong is added to `problems`. `current` is what is there:
 * it stays where nothing was said, and lends its secrets to those that come masked.
 */
export function checkAuth(
  given: unknown,
  current: WebhookAuth | null,
  check: AuthCheck,
  problems: FieldProblem[],
): WebhookAuth | null {
  if (given === undefined) return current;
  if (given === null) return null;
  const members = asMembers(given);
  if (members === undefined) {
    const message = 'The authentication is an object with a `method`, or null for none.';
    problems.push({ pointer: '/auth', code: 'type', message });
    return null;
  }
  // A mask stands for a secret of the same method: one that digest never sends is not for basic to tell.
  const kept = current?.method === members['method'] ? { ...current } : null;
  const fields = new AuthFields(members, kept, problems);
  const before = problems.length;
  const auth = byMethod(members['method'], fields, check);
  if (problems.length > before || auth === null) return null;
  return auth;
}

/** The names of the headers that it sets, in lower case. */
export function authHeaderNames(auth: WebhookAuth | null): ReadonlySet<string> {
  switch (auth?.method) {
    case undefined:
    case 'mtls':
      return new Set();
    case 'basic':
    case 'digest':
    case 'bearer':
    case 'oauth2':
      return new Set(['authorization']);
    case 'header':
      return new Set(Object.keys(auth.headers).map((name) => name.toLowerCase()));
  }
}

function byMethod(
  method: unknown,
  fields: AuthFields,
  { guard, nowMs, isTaken }: AuthCheck,
): WebhookAuth | null {
  const read = (): WebhookAuth | null => {
    switch (method) {
      case 'none':
        return null;
      case 'basic':
        return checkBasic(fields);
      case 'digest':
        return checkDigest(fields);
      case 'bearer':
        return checkBearer(fields);
      case 'oauth2':
        return checkOauth2(fields, guard);
      case 'mtls':
        return checkMtls(fields, nowMs);
      case 'header':
        return checkHeader(fields, isTaken);
      default:
        return null;
    }
  };
  if (typeof method !== 'string' || !METHODS.includes(method)) {
    fields.refuse('method', 'enum', `There are the methods ${METHODS.join(', ')}.`);
    return null;
  }
  const auth = read();
  fields.done(method);
  return auth;
}
