/** A destination as the engine uses it: its own wishes laid over its profile's, its secrets opened, its sender ready. */
import type { DestinationType, Sender } from '../destinations/destination-type.ts';
import type { Credentials, DestinationPolicy } from '../domain/destination.ts';
import type { Profile } from '../domain/profile.ts';
import { exponentialDelays } from '../domain/retry-schedule.ts';
import type { RetrySchedule } from '../domain/retry-schedule.ts';
import { credentialsPlace } from '../domain/sealed-box.ts';
import type { SealedBoxes } from '../domain/sealed-box.ts';
import type { StoredDestination } from '../storage/storage.ts';

/** Attempts of one destination at the same time, at most. */
const DEFAULT_MAX_CONCURRENCY = 128;

export interface Target {
  readonly tenantId: string;
  readonly id: string;
  readonly revision: number;
  readonly createdAtMs: number;
  readonly topics: readonly string[];
  readonly enabled: boolean;
  readonly profile: Profile;
  readonly timeoutMs: number;
  readonly maxConcurrency: number;
  readonly schedule: RetrySchedule;
  /** Opened at the first use. Throws `UnsealError`, or what the type throws at a configuration that it cannot use. */
  sender(): Sender;
}

export interface TargetMaker {
  readonly types: ReadonlyMap<string, DestinationType>;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly defaultProfile: Profile;
  readonly boxes: SealedBoxes;
}

export function createTarget(stored: StoredDestination, maker: TargetMaker): Target {
  const profile = profileOf(stored.profile, maker);
  let sender: Sender | undefined;
  return {
    tenantId: stored.tenantId,
    id: stored.id,
    revision: stored.revision,
    createdAtMs: stored.createdAtMs,
    topics: stored.topics,
    enabled: stored.disabledAtMs === null,
    profile,
    timeoutMs: stored.policy.timeout_ms ?? profile.timeoutMs,
    maxConcurrency: stored.policy.concurrency ?? DEFAULT_MAX_CONCURRENCY,
    schedule: retrySchedule(stored.policy, profile),
    sender() {
      sender ??= openSender(stored, profile, maker);
      return sender;
    },
  };
}

/** A name that is not known any more falls back to the default, so that a changed configuration stops no delivery. */
export function profileOf(
  name: string | null,
  { profiles, defaultProfile }: Pick<TargetMaker, 'profiles' | 'defaultProfile'>,
): Profile {
  return (name === null ? undefined : profiles.get(name)) ?? defaultProfile;
}

export function openCredentials(stored: StoredDestination, boxes: SealedBoxes): Credentials {
  // Sealed by this program, as JSON of a map of strings.
  return JSON.parse(
    boxes.open(stored.sealedCredentials, credentialsPlace(stored.tenantId, stored.id)),
  ) as Credentials;
}

function openSender(
  stored: StoredDestination,
  profile: Profile,
  { types, boxes }: TargetMaker,
): Sender {
  const type = types.get(stored.type);
  if (type === undefined)
    throw new Error(`this version of Angarium has no destination type ${stored.type}`);
  return type.open({ config: stored.config, credentials: openCredentials(stored, boxes), profile });
}

function retrySchedule({ retry }: DestinationPolicy, profile: Profile): RetrySchedule {
  if (retry === undefined) return profile.retry;
  const delaysMs =
    'delays_s' in retry
      ? retry.delays_s.map((delayS) => delayS * 1000)
      : exponentialDelays(retry.base_s * 1000, retry.factor, retry.cap_s * 1000, retry.count);
  return {
    delaysMs,
    jitter: retry.jitter ?? profile.retry.jitter,
    windowMs: retry.window_s === undefined ? profile.retry.windowMs : retry.window_s * 1000,
  };
}
