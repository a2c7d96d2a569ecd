/** A destination as the engine uses it: its own wishes laid over its profile's, its secrets opened, its sender ready. */
import type { DestinationType, Sender } from '../destinations/destination-type.ts';
import type { DestinationPolicy } from '../domain/destination.ts';
import { endingRule, isExpired } from '../domain/ending.ts';
import type { EndingRule } from '../domain/ending.ts';
import type { Order, OrderFailure } from '../domain/order.ts';
import { compileFilter } from '../domain/filter-compile.ts';
import type { CompiledFilter } from '../domain/filter-compile.ts';
import { readFilter } from '../domain/filter.ts';
import { parseJson } from '../domain/json-value.ts';
import { applyFormat } from '../domain/format.ts';
import type { Profile, RateCounts } from '../domain/profile.ts';
import { exponentialDelays } from '../domain/retry-schedule.ts';
import type { RetrySchedule } from '../domain/retry-schedule.ts';
import type { SealedBoxes } from '../domain/sealed-box.ts';
import type { StoredDestination, TenantDefaults } from '../storage/storage.ts';
import { usesClientAuth } from './client-auth.ts';
import { openSecrets } from './destination-secrets.ts';

/** Attempts of one destination at the same time, at most. */
const DEFAULT_MAX_CONCURRENCY = 128;

export interface Target {
  /** What of its tenant it was made with. */
  readonly tenantRevision: string;
  readonly tenantId: string;
  readonly id: string;
  readonly revision: number;
  readonly createdAtMs: number;
  readonly topics: readonly string[];
  readonly filter: CompiledFilter | null;
  readonly enabled: boolean;
  /** Events are kept for it while it is disabled. */
  readonly holds: boolean;
  /** Its own end, or that of its API client, whichever is first. */
  readonly expiresAtMs: number | null;
  readonly ending: EndingRule;
  /** urn of the API client that it belongs to. */
  readonly apiClient: string | null;
  /** It takes only events about that resource; `null`: whatever they are about. */
  readonly resourceUrn: string | null;
  /** With the destination's format laid over it. */
  readonly profile: Profile;
  readonly timeoutMs: number;
  readonly maxConcurrency: number;
  /** Where it delivers to, with others (`DestinationType.originOf`); `null`: nobody shares anything with it there. */
  readonly origin: string | null;
  readonly order: Order;
  readonly orderOnFailure: OrderFailure;
  /** Attempts a minute, at most; `null`: as many as the receiver bears. */
  readonly ratePerMinute: number | null;
  readonly rateCounts: RateCounts;
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

export function createTarget(
  stored: StoredDestination,
  defaults: TenantDefaults,
  maker: TargetMaker,
): Target {
  const profile = applyFormat(profileOf(stored.profile, defaults, maker), stored.format);
  let sender: Sender | undefined;
  return {
    tenantRevision: tenantRevision(defaults),
    tenantId: stored.tenantId,
    id: stored.id,
    revision: stored.revision,
    createdAtMs: stored.createdAtMs,
    topics: stored.topics,
    filter: storedFilter(stored),
    enabled: stored.disabledAtMs === null && hasItsClient(stored, defaults),
    holds: stored.policy.while_disabled === 'hold',
    expiresAtMs: effectiveEnd(stored, defaults),
    ending: endingRule(profile.ending, stored.policy.disable),
    apiClient: stored.subscription?.apiClient ?? null,
    resourceUrn: stored.subscription?.resource ?? null,
    profile,
    timeoutMs: stored.policy.timeout_ms ?? profile.timeoutMs,
    maxConcurrency: stored.policy.concurrency ?? DEFAULT_MAX_CONCURRENCY,
    origin: maker.types.get(stored.type)?.originOf?.(stored.config) ?? null,
    order: stored.policy.order ?? 'none',
    orderOnFailure: stored.policy.order_on_failure ?? 'skip',
    ratePerMinute: stored.policy.rate_per_minute ?? profile.ratePerMinute,
    rateCounts: stored.policy.rate_counts ?? profile.rateCounts,
    schedule: retrySchedule(stored.policy, profile),
    sender() {
      sender ??= openSender(stored, defaults, profile, maker);
      return sender;
    },
  };
}

/** What becomes of its deliveries: sent, kept until it is enabled again, or canceled. */
export type Standing = 'open' | 'held' | 'closed';

export function standingOf(
  { enabled, holds, expiresAtMs }: Pick<Target, 'enabled' | 'holds' | 'expiresAtMs'>,
  nowMs: number,
): Standing {
  if (enabled && !isExpired(expiresAtMs, nowMs)) return 'open';
  return holds ? 'held' : 'closed';
}

/** A target that was made with other defaults of its tenant has to be made anew. */
export function tenantRevision({ settings, secrets, clients }: TenantDefaults): string {
  const ofClients = clients.map(({ urn, revision }) => `${urn} ${revision}`);
  return [secrets.revision, settings.profile ?? '', ...ofClients].join(' ');
}

/**
 * The destination's own, else its tenant's, else the instance's. A name that is not known any more falls back to the
 * instance's, so that a changed configuration stops no delivery.
 */
export function profileOf(
  name: string | null,
  { settings }: TenantDefaults,
  { profiles, defaultProfile }: Pick<TargetMaker, 'profiles' | 'defaultProfile'>,
): Profile {
  const wanted = name ?? settings.profile;
  return (wanted === undefined ? undefined : profiles.get(wanted)) ?? defaultProfile;
}

/** With its API client revoked it is stopped, also where it was enabled at that very moment. */
function hasItsClient({ subscription }: StoredDestination, { clients }: TenantDefaults): boolean {
  const urn = subscription?.apiClient ?? null;
  return urn === null || clients.some((client) => client.urn === urn);
}

/** When it ends: at its own time, or with its API client. */
export function effectiveEnd(
  { expiresAtMs, subscription }: Pick<StoredDestination, 'expiresAtMs' | 'subscription'>,
  { clients }: Pick<TenantDefaults, 'clients'>,
): number | null {
  const urn = subscription?.apiClient ?? null;
  const ofClient = clients.find((client) => client.urn === urn)?.expiresAtMs ?? Infinity;
  const endMs = Math.min(expiresAtMs ?? Infinity, ofClient);
  return endMs === Infinity ? null : endMs;
}

/** It was judged when it was written. Throws where it cannot be read: to deliver all, or nothing, would both be wrong. */
function storedFilter({ tenantId, id, filter }: StoredDestination): CompiledFilter | null {
  if (filter === null) return null;
  const read = readFilter(parseJson(filter));
  if (read.ok) return compileFilter(read.filter);
  const [problem] = read.problems;
  throw new Error(
    `the filter of destination ${id} of ${tenantId} is wrong at ${problem?.pointer}: ${problem?.message}`,
  );
}

function openSender(
  stored: StoredDestination,
  defaults: TenantDefaults,
  profile: Profile,
  { types, boxes }: TargetMaker,
): Sender {
  const type = types.get(stored.type);
  if (type === undefined)
    throw new Error(`this version of Angarium has no destination type ${stored.type}`);
  const secrets = openSecrets(stored, defaults, profile, boxes);
  if (secrets.auth === null && usesClientAuth(stored.subscription))
    throw new Error('the API client that it authenticates as is gone, or has no certificate');
  return type.open({
    id: stored.id,
    config: stored.config,
    ...secrets,
    deliveryMetadata: stored.deliveryMetadata,
    httpSignature: stored.httpSignature,
    profile,
  });
}

/** The policy's, where it has one. */
export function retrySchedule({ retry }: DestinationPolicy, profile: Profile): RetrySchedule {
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
