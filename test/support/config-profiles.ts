/** Profiles as the configuration is handed them. */
import type { Profile } from '../../src/domain/profile.ts';
import { standard } from '../../src/profiles/standard.ts';

/** One whose last attempt is so long after its first. */
export function profileTaking(name: string, ms: number): Profile {
  return { ...standard, name, retry: { delaysMs: [ms], jitter: 0, windowMs: null } };
}

export function refuseExpressions(expression: string): string {
  return `nothing here evaluates ${expression}`;
}
