/**
 * Creating, changing and deleting destinations. Every change is in the routing of this node before it is answered, so it
 * counts for the next publish.
 */
import type { DestinationType, FieldProblem } from '../destinations/destination-type.ts';
import type { AuditAuthor } from '../domain/audit.ts';
import type { Auth, Credentials, Destination, DestinationPolicy } from '../domain/destination.ts';
import { applyFormat, PROFILE_FORMAT } from '../domain/format.ts';
import type { HttpSignature } from '../domain/http-signature.ts';
import { newId } from '../domain/id.ts';
import type { Profile } from '../domain/profile.ts';
import type { RetrySchedule } from '../domain/retry-schedule.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { StoredDestination, TenantDefaults } from '../storage/storage.ts';
import { authFor, CLIENTS_AUTH, usesClientAuth } from './client-auth.ts';
import { destinationAudit } from './destination-audit.ts';
import { endAfter } from './destination-end.ts';
import { destinationState } from './destination-state.ts';
import type { DestinationState } from './destination-state.ts';
import {
  merged,
  mergedMap,
  mergedPolicy,
  mergedSubscription,
  tooManyNames,
  unmasked,
} from './destination-merge.ts';
import type { PolicyChange } from './destination-merge.ts';
import { changedFormat } from './destination-format.ts';
import type { FormatChange } from './destination-format.ts';
import { unknownProfile, unknownTopics, unknownType } from './destination-problems.ts';
import { openSecrets, sealSecrets } from './destination-secrets.ts';
import type { DestinationSecrets } from './destination-secrets.ts';
import type { Engine } from './engine.ts';
import { keepShared, SHARED_SECRET, sharedCredentials } from './shared-credentials.ts';
import { effectiveEnd, profileOf, retrySchedule } from './target.ts';

export interface DestinationKey {
  readonly tenantId: string;
  readonly id: string;
}

/** A destination as it is shown: its secrets as their owner reads them. */
export interface OpenedDestination {
  readonly destination: Destination;
  readonly credentials: Credentials;
  readonly auth: Auth | null;
  readonly warnings: readonly FieldProblem[];
  readonly type: DestinationType | undefined;
  readonly state: DestinationState;
  /** Its policy's, or its profile's. */
  readonly schedule: RetrySchedule;
  /** Another one after each change. */
  readonly revision: number;
}

export interface ChangeOptions {
  /** Only if its revision is one of these; `null`: whatever it is. */
  readonly ifRevisions?: readonly number[] | null;
}

export interface NewDestination extends FormatChange {
  readonly tenantId: string;
  /** `null`: one is made. */
  readonly id: string | null;
  readonly type: string;
  readonly name: string | null;
  readonly profile: string | null;
  readonly httpSignature: HttpSignature | null;
  readonly topics: readonly string[];
  /** Compact JSON that was judged (domain/filter.ts). */
  readonly filter: string | null;
  readonly config: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
  /** Left out: none. */
  readonly auth?: Readonly<Record<string, unknown>> | null;
  readonly deliveryMetadata: Readonly<Record<string, string>> | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly policy: DestinationPolicy;
  readonly subscription?: Subscription | null;
  readonly disabledAtMs: number | null;
  /** Left out: as the profile has it. */
  readonly expiresAtMs?: number | null;
}

/** What is given replaces what was; maps are merged, where `null` removes (RFC 7396). */
export interface DestinationChange extends FormatChange {
  readonly type?: string;
  readonly name?: string | null;
  readonly profile?: string | null;
  /** Replaced whole. */
  readonly httpSignature?: HttpSignature | null;
  readonly topics?: readonly string[];
  /** Replaced whole. */
  readonly filter?: string | null;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly credentials?: Readonly<Record<string, unknown>>;
  /** Replaced whole, but for secrets that come masked; `null`: none any more. */
  readonly auth?: Readonly<Record<string, unknown>> | null;
  readonly deliveryMetadata?: Readonly<Record<string, string | null>> | null;
  readonly metadata?: Readonly<Record<string, string | null>> | null;
  readonly policy?: PolicyChange | null;
  readonly subscription?: Subscription | null;
  readonly disabledAtMs?: number | null;
  readonly expiresAtMs?: number | null;
}

export type ManageResult =
  | { readonly kind: 'done'; readonly opened: OpenedDestination }
  | { readonly kind: 'invalid'; readonly problems: readonly FieldProblem[] }
  | { readonly kind: 'unknown_tenant' | 'unknown' | 'id_taken' | 'changed_meanwhile' }
  | { readonly kind: 'too_many'; readonly max: number }
  /** Not of the revisions that were asked for. */
  | { readonly kind: 'other_revision' };

/**
 * Changes of the same destination at the same moment are made one after the other: where one comes too late, it is made
 * anew on what is there now. Each time that happens, another's change was made.
 */
export const MAX_TRIES = 50;

/** `author`: for the audit log; without one, nothing is written there. */
export async function createDestination(
  engine: Engine,
  input: NewDestination,
  maxPerTenant: number,
  author: AuditAuthor | null = null,
): Promise<ManageResult> {
  return untilUnchanged(() => createOnce(engine, input, maxPerTenant, author));
}

export async function changeDestination(
  engine: Engine,
  { tenantId, id }: DestinationKey,
  change: DestinationChange,
  author: AuditAuthor | null = null,
  { ifRevisions = null }: ChangeOptions = {},
): Promise<ManageResult> {
  return untilUnchanged(async () => {
    const found = await read(engine, { tenantId, id });
    if (found === null) return { kind: 'unknown' };
    if (ifRevisions?.includes(found.stored.revision) === false) return { kind: 'other_revision' };
    return await changeOnce(engine, found, change, author);
  });
}

export async function getDestination(
  engine: Engine,
  key: DestinationKey,
): Promise<OpenedDestination | null> {
  const found = await read(engine, key);
  if (found === null) return null;
  await engine.health.refresh(key.tenantId, key.id);
  return opened(engine, found);
}

export async function listDestinations(
  engine: Engine,
  tenantId: string,
): Promise<OpenedDestination[]> {
  const defaults = await engine.storage.tenantDefaultsGet({ id: tenantId });
  if (defaults === null) return [];
  const stored = await engine.storage.destinationList({ tenantId });
  await engine.health.refresh(tenantId);
  return stored.map((each) => opened(engine, { stored: each, defaults }));
}

/** A destination as it is stored, with what it shares with others of its tenant. */
interface Found {
  readonly stored: StoredDestination;
  readonly defaults: TenantDefaults;
}

async function read({ storage }: Engine, { tenantId, id }: DestinationKey): Promise<Found | null> {
  const defaults = await storage.tenantDefaultsGet({ id: tenantId });
  const stored = defaults === null ? null : await storage.destinationGet({ tenantId, id });
  return stored === null || defaults === null ? null : { stored, defaults };
}

async function untilUnchanged(make: () => Promise<ManageResult>): Promise<ManageResult> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const result = await make();
    if (result.kind !== 'changed_meanwhile') return result;
  }
  return { kind: 'changed_meanwhile' };
}

async function createOnce(
  engine: Engine,
  input: NewDestination,
  maxPerTenant: number,
  author: AuditAuthor | null,
): Promise<ManageResult> {
  const { targets, clock, random, storage, routing } = engine;
  const type = targets.types.get(input.type);
  if (type === undefined) return { kind: 'invalid', problems: unknownType(engine) };
  const defaults = await storage.tenantDefaultsGet({ id: input.tenantId });
  if (defaults === null) return { kind: 'unknown_tenant' };
  const nowMs = clock.nowMs();
  const profile = profileOf(input.profile, defaults, targets);
  const shared = sharedCredentials(engine, input.tenantId, defaults, profile);
  const problems = unknownProfile(engine, input.profile);
  problems.push(...unknownTopics(engine, input));
  const format = changedFormat(PROFILE_FORMAT, input, engine.expressions, problems);
  if (shared !== null && input.credentials['secret'] !== undefined) problems.push(SHARED_SECRET);
  const checked = type.check({
    config: input.config,
    credentials: input.credentials,
    current: shared,
    auth:
      authFor(input.subscription, input.credentials['secret'], defaults, targets.boxes) ??
      input.auth,
    profile: applyFormat(profile, format),
    httpSignature: input.httpSignature,
    nowMs,
  });
  if (!checked.ok) problems.push(...checked.problems);
  const ending = endAfter(null, input, profile.ending.lifetimeMs, nowMs);
  problems.push(...ending.problems);
  if (!checked.ok || problems.length > 0) return { kind: 'invalid', problems };

  const { credentials: _given, auth: _auth, expression: _expression, ...rest } = input;
  const isClients = usesClientAuth(input.subscription);
  const destination: Destination = {
    ...rest,
    format,
    ...ending.end,
    id: input.id ?? newId('des', nowMs, random),
    config: checked.config,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  const own = await keepShared(engine, destination, defaults, profile, checked.credentials);
  if (own === 'changed_meanwhile') return { kind: own };
  // Revisions begin anywhere, so that a destination which takes a deleted one's id is never taken for it.
  const secrets = { credentials: own, auth: isClients ? null : checked.auth };
  const revision = Math.floor(random.nextFloat() * 2 ** 32);
  const stored = sealSecrets(destination, secrets, revision, targets.boxes);
  const audit = destinationAudit(author, null, { destination, secrets: checked, type });
  const inserted = await storage.destinationInsert({ destination: stored, maxPerTenant, audit });
  if (inserted === 'too_many') return { kind: inserted, max: maxPerTenant };
  if (inserted !== 'inserted') return { kind: inserted };
  await routing.refresh(input.tenantId);
  return { kind: 'done', opened: shownTo(engine, { stored, defaults }, checked, type, profile) };
}

async function changeOnce(
  engine: Engine,
  { stored, defaults }: Found,
  change: DestinationChange,
  author: AuditAuthor | null,
): Promise<ManageResult> {
  const { targets, clock, storage, routing } = engine;
  const { sealedCredentials: _sealed, revision, ...before } = stored;
  const type = targets.types.get(stored.type);
  if (type === undefined) return { kind: 'invalid', problems: unknownType(engine) };
  const nowMs = clock.nowMs();
  const problems: FieldProblem[] = [];
  if (change.type !== undefined && change.type !== before.type) {
    problems.push({
      pointer: '/type',
      code: 'immutable',
      message: 'The type of a destination cannot be changed: create another one.',
    });
  }
  const profileName = change.profile === undefined ? before.profile : change.profile;
  problems.push(
    ...unknownProfile(engine, profileName),
    ...unknownTopics(engine, { ...change, tenantId: before.tenantId }),
  );
  const profile = profileOf(profileName, defaults, targets);
  const current = openSecrets(stored, defaults, profile, targets.boxes);
  const format = changedFormat(before.format, change, engine.expressions, problems);
  const httpSignature =
    change.httpSignature === undefined ? before.httpSignature : change.httpSignature;
  const subscription = mergedSubscription(before, change);
  const isClients = usesClientAuth(subscription);
  if (isClients && change.auth !== undefined) problems.push(CLIENTS_AUTH);
  const credentials = unmasked(
    change.credentials,
    type.showCredentials({ credentials: current.credentials, profile, nowMs }),
  );
  const secret = credentials['secret'] ?? current.credentials['secret'];
  const checked = type.check({
    config: merged(before.config, change.config),
    credentials,
    current: current.credentials,
    auth: isClients ? authFor(subscription, secret, defaults, targets.boxes) : change.auth,
    currentAuth: usesClientAuth(before.subscription) ? null : current.auth,
    profile: applyFormat(profile, format),
    httpSignature,
    nowMs,
  });
  if (!checked.ok) problems.push(...checked.problems);
  const deliveryMetadata = mergedMap(before.deliveryMetadata, change.deliveryMetadata);
  const metadata = mergedMap(before.metadata, change.metadata);
  problems.push(...tooManyNames({ delivery_metadata: deliveryMetadata, metadata }));
  const ending = endAfter(before, change, profile.ending.lifetimeMs, nowMs);
  problems.push(...ending.problems);
  if (problems.length > 0 || !checked.ok) return { kind: 'invalid', problems };

  const destination: Destination = {
    ...before,
    name: change.name === undefined ? before.name : change.name,
    profile: profileName,
    format,
    httpSignature,
    topics: change.topics ?? before.topics,
    filter: change.filter === undefined ? before.filter : change.filter,
    config: checked.config,
    deliveryMetadata,
    metadata,
    policy: change.policy === null ? {} : mergedPolicy(before.policy, change.policy),
    subscription,
    ...ending.end,
    updatedAtMs: nowMs,
  };
  const own = await keepShared(engine, destination, defaults, profile, checked.credentials);
  if (own === 'changed_meanwhile') return { kind: own };
  const isDropping = destination.policy.while_disabled !== 'hold';
  const wasKept = before.disabledAtMs === null || before.policy.while_disabled === 'hold';
  const cancelPending = destination.disabledAtMs !== null && isDropping && wasKept;
  const secrets = { credentials: own, auth: isClients ? null : checked.auth };
  const changed = sealSecrets(destination, secrets, revision + 1, targets.boxes);
  const updated = await storage.destinationUpdate({
    destination: changed,
    ifRevision: revision,
    cancelPending,
    audit: destinationAudit(
      author,
      { destination: before, secrets: current, type },
      { destination, secrets: checked, type },
    ),
  });
  if (updated !== 'updated') return { kind: updated };
  if (cancelPending) engine.dispatcher.withdrawAll(before.tenantId, before.id);
  await routing.refresh(before.tenantId).finally(() => {
    // Also where that could not be read: it is disabled all the same.
    if (cancelPending) engine.wakeCanceler();
  });
  const found = { stored: changed, defaults };
  return { kind: 'done', opened: shownTo(engine, found, checked, type, profile) };
}

function stateOf({ health, dispatcher }: Engine, destination: Destination, nowMs: number) {
  const { tenantId, id } = destination;
  const wait = dispatcher.waitsFor(tenantId, id);
  const breakerUntilMs = wait?.for === 'breaker' ? wait.untilMs : null;
  return destinationState(destination, health.of(tenantId, id), breakerUntilMs, nowMs);
}

function opened(engine: Engine, { stored, defaults }: Found): OpenedDestination {
  const { targets } = engine;
  const type = targets.types.get(stored.type);
  const profile = profileOf(stored.profile, defaults, targets);
  const secrets = openSecrets(stored, defaults, profile, targets.boxes);
  return shownTo(engine, { stored, defaults }, secrets, type, profile);
}

/** Of a type that this version does not have, nothing is known to be no secret. */
function shownTo(
  engine: Engine,
  { stored, defaults }: Found,
  { credentials, auth }: DestinationSecrets,
  type: DestinationType | undefined,
  profile: Profile,
): OpenedDestination {
  const { sealedCredentials: _sealed, revision, ...destination } = stored;
  const nowMs = engine.clock.nowMs();
  const expiresAtMs = effectiveEnd(stored, defaults);
  return {
    destination,
    ...(type === undefined
      ? { credentials: {}, auth: null, warnings: [] }
      : {
          credentials: type.showCredentials({ credentials, profile, nowMs }),
          ...type.showAuth(auth, nowMs),
        }),
    type,
    state: stateOf(engine, { ...destination, expiresAtMs }, nowMs),
    schedule: retrySchedule(destination.policy, profile),
    revision,
  };
}
