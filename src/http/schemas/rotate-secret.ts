/** The body of a rotation. */
import type { DestinationChange } from '../../engine/manage-destinations.ts';
import { formatTime } from '../time.ts';
import { closedObject, integer, optional, string } from './json-schema.ts';

export interface RotateSecretBody {
  readonly secret?: string;
  readonly overlap_s?: number;
}

export const RotateSecretBodySchema = closedObject({
  secret: optional(
    string({ description: 'The new secret; left out, one is generated, where the profile does.' }),
  ),
  overlap_s: optional(
    integer({
      minimum: 0,
      maximum: 365 * 24 * 60 * 60,
      description:
        'How long the secret before signs as well; 0 ends it at once. Left out: as its profile says (`secret.overlap_s` in the list of profiles), a day with those built in, save for baxcloud, whose receivers compare the header as a whole: 0.',
    }),
  ),
});

export function secretRotation(body: RotateSecretBody, nowMs: number): DestinationChange {
  const { secret, overlap_s: overlapS } = body;
  return {
    credentials: {
      rotate_secret: true,
      ...(overlapS === undefined
        ? {}
        : { previous_secret_invalid_at: formatTime(nowMs + overlapS * 1000) }),
      ...(secret === undefined ? {} : { secret }),
    },
  };
}
