/** How a destination stands and when it ends, as the API shows it. */
import { DISABLED_REASONS } from '../../domain/ending.ts';
import { DESTINATION_STATUSES } from '../../engine/destination-state.ts';
import type { DestinationState } from '../../engine/destination-state.ts';
import { formatTimeOrNull } from '../time.ts';
import { Time, TimeOrNull } from './fields.ts';
import { integer, nullable, object, oneOf } from './json-schema.ts';

export const ExpiresAt = nullable(Time, {
  description:
    'It gets nothing from that moment on; its tenant’s contacts are told 7 days and 1 day before. null: as long as its profile lets it.',
});

export const State = object(
  {
    status: oneOf(DESTINATION_STATUSES),
    reason: nullable(oneOf([...DISABLED_REASONS, 'failures'])),
    since: TimeOrNull,
    consecutive_failures: integer({ description: 'Failed attempts since the last success.' }),
    last_success_at: TimeOrNull,
    breaker_until: nullable(Time, {
      description: 'Nobody answered: until then nothing is tried.',
    }),
  },
  { description: 'How it fares; it counts anew when it is enabled.' },
);

export function stateJson(state: DestinationState) {
  return {
    status: state.status,
    reason: state.reason,
    since: formatTimeOrNull(state.sinceMs),
    consecutive_failures: state.consecutiveFailures,
    last_success_at: formatTimeOrNull(state.lastSuccessAtMs),
    breaker_until: formatTimeOrNull(state.breakerUntilMs),
  };
}
