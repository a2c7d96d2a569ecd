/** The body of a rotation. */
import type { DestinationChange } from '../../engine/manage-destinations.ts';
import { formatTime } from '../time.ts';
import { closedObject, integer, optional, string } from './json-schema.ts';

const DEFAULT_OVERLAP_S = 24 * 60 * 60;

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
      description: `How long the secret before signs as well; ${DEFAULT_OVERLAP_S} (a day) by default, 0 ends it at once.`,
    }),
  ),
});

export function secretRotation(body: RotateSecretBody, nowMs: number): DestinationChange {
  const { secret, overlap_s: overlapS = DEFAULT_OVERLAP_S } = body;
  return {
    credentials: {
      rotate_secret: true,
      previous_secret_invalid_at: formatTime(nowMs + overlapS * 1000),
      ...(secret === undefined ? {} : { secret }),
    },
  };
}
