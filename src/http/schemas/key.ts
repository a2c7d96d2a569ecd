/** Keys of the operator, as the API shows them: never the token, save in the answer that creates it. */
import type { ApiKey } from '../../domain/api-key.ts';
import { KEY_SCOPES } from '../../domain/caller.ts';
import type { KeyScope } from '../../domain/caller.ts';
import { formatTime, formatTimeOrNull } from '../time.ts';
import { Time, TimeOrNull } from './fields.ts';
import { closedObject, object, oneOf, optional, string } from './json-schema.ts';

const Name = string({ minLength: 1, maxLength: 255, description: 'For people.' });
const Scope = oneOf([...KEY_SCOPES], {
  description: '`admin`: everything; `publish`: publishing alone; `read`: reading alone.',
});

const MEMBERS = {
  id: string(),
  name: Name,
  scope: Scope,
  prefix: string({ description: 'How its token begins.' }),
  created_at: Time,
  expires_at: TimeOrNull,
  last_used_at: { ...TimeOrNull, description: 'To within a minute.' },
  revoked_at: TimeOrNull,
};

export const KeySchema = object(MEMBERS, { $id: 'Key' });

export const CreatedKeySchema = object({
  ...MEMBERS,
  token: string({ description: 'Shown only in this answer: it is kept nowhere.' }),
});

export interface KeyBody {
  readonly name: string;
  readonly scope: KeyScope;
  readonly expires_at?: string | null;
}

export const KeyBodySchema = closedObject({
  name: Name,
  scope: Scope,
  expires_at: optional(TimeOrNull),
});

export interface KeyPatch {
  readonly name?: string;
  readonly expires_at?: string | null;
}

export const KeyPatchSchema = closedObject(
  { name: optional(Name), expires_at: optional(TimeOrNull) },
  { description: 'A JSON merge patch (RFC 7396); what is left out stays.' },
);

export function keyJson(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    scope: key.scope,
    prefix: key.prefix,
    created_at: formatTime(key.createdAtMs),
    expires_at: formatTimeOrNull(key.expiresAtMs),
    last_used_at: formatTimeOrNull(key.lastUsedAtMs),
    revoked_at: formatTimeOrNull(key.revokedAtMs),
  };
}
