/**
 * Creating, changing and deleting destinations. Every change is in the routing of this node before it is answered, so it
 * counts for the next publish.
 */
import { MASK } from '../destinations/destination-type.ts';
import type { DestinationType, FieldProblem } from '../destinations/destination-type.ts';
import type { Credentials, Destination, DestinationPolicy } from '../domain/destination.ts';
import { newId } from '../domain/id.ts';
import { credentialsPlace } from '../domain/sealed-box.ts';
import type { StoredDestination } from '../storage/storage.ts';
import type { Engine } from './engine.ts';
import { openCredentials, profileOf } from './target.ts';

/** A destination as it is shown: its credentials opened. */
export interface OpenedDestination {
  readonly destination: Destination;
  readonly credentials: Credentials;
  readonly type: DestinationType | undefined;
}

export interface NewDestination {
  readonly tenantId: string;
  /** `null`: one is made. */
  readonly id: string | null;
  readonly type: string;
  readonly name: string | null;
  readonly profile: string | null;
  readonly topics: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
  readonly deliveryMetadata: Readonly<Record<string, string>> | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly policy: DestinationPolicy;
  readonly disabledAtMs: number | null;
}

/** What is given replaces what was; maps are merged, where `null` removes (RFC 7396). */
export interface DestinationChange {
  readonly type?: string;
  readonly name?: string | null;
  readonly profile?: string | null;
  readonly topics?: readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly credentials?: Readonly<Record<string, unknown>>;
  readonly deliveryMetadata?: Readonly<Record<string, string | null>> | null;
  readonly metadata?: Readonly<Record<string, string | null>> | null;
  readonly policy?: PolicyChange | null;
  readonly disabledAtMs?: number | null;
}

/** Merged member by member; each is replaced whole. */
export type PolicyChange = {
  readonly [Name in keyof DestinationPolicy]?: DestinationPolicy[Name] | null;
};

export type ManageResult =
  | { readonly kind: 'done'; readonly opened: OpenedDestination }
  | { readonly kind: 'invalid'; readonly problems: readonly FieldProblem[] }
  | { readonly kind: 'unknown_tenant' | 'unknown' | 'id_taken' | 'too_many' | 'changed_meanwhile' };

/** Names of a map, after it was merged. */
const MAX_MAP_NAMES = 100;

/**
 * Changes of the same destination at the same moment are made one after the other: where one comes too late, it is made
 * anew on what is there now. Each time that happens, another's change was made.
 */
const MAX_TRIES = 50;

export async function createDestination(
  engine: Engine,
  input: NewDestination,
  maxPerTenant: number,
): Promise<ManageResult> {
  const { targets, clock, random, storage, routing } = engine;
  const type = targets.types.get(input.type);
  if (type === undefined) return invalidType(engine);
  const unknown = unknownProfile(engine, input.profile);
  const checked = type.check({
    config: input.config,
    credentials: input.credentials,
    profile: profileOf(input.profile, targets),
  });
  if (!checked.ok || unknown.length > 0)
    return { kind: 'invalid', problems: [...unknown, ...(checked.ok ? [] : checked.problems)] };

  const nowMs = clock.nowMs();
  const { credentials: _given, ...rest } = input;
  const destination: Destination = {
    ...rest,
    id: input.id ?? newId('des', nowMs, random),
    config: checked.config,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  // Revisions begin anywhere, so that a destination which takes a deleted one's id is never taken for it.
  const stored = seal(
    engine,
    destination,
    checked.credentials,
    Math.floor(random.nextFloat() * 2 ** 32),
  );
  const inserted = await storage.destinationInsert({ destination: stored, maxPerTenant });
  if (inserted !== 'inserted') return { kind: inserted };
  await routing.refresh(input.tenantId);
  return { kind: 'done', opened: { destination, credentials: checked.credentials, type } };
}

export async function changeDestination(
  engine: Engine,
  { tenantId, id }: { tenantId: string; id: string },
  change: DestinationChange,
): Promise<ManageResult> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const stored = await engine.storage.destinationGet({ tenantId, id });
    if (stored === null) return { kind: 'unknown' };
    const result = await changeOnce(engine, stored, change);
    if (result.kind !== 'changed_meanwhile') return result;
  }
  return { kind: 'changed_meanwhile' };
}

export async function deleteDestination(
  engine: Engine,
  key: { tenantId: string; id: string },
): Promise<boolean> {
  if (!(await engine.storage.destinationDelete(key))) return false;
  await engine.routing.refresh(key.tenantId);
  engine.wakeCanceler();
  return true;
}

export async function getDestination(
  engine: Engine,
  key: { tenantId: string; id: string },
): Promise<OpenedDestination | null> {
  const stored = await engine.storage.destinationGet(key);
  return stored === null ? null : opened(engine, stored);
}

export async function listDestinations(
  engine: Engine,
  tenantId: string,
): Promise<OpenedDestination[]> {
  const stored = await engine.storage.destinationList({ tenantId });
  return stored.map((each) => opened(engine, each));
}

async function changeOnce(
  engine: Engine,
  stored: StoredDestination,
  change: DestinationChange,
): Promise<ManageResult> {
  const { targets, clock, storage, routing } = engine;
  const { destination: before, credentials, type } = opened(engine, stored);
  if (type === undefined) return invalidType(engine);
  const problems: FieldProblem[] = [];
  if (change.type !== undefined && change.type !== before.type) {
    problems.push({
      pointer: '/type',
      code: 'immutable',
      message: 'The type of a destination cannot be changed: create another one.',
    });
  }
  const profile = change.profile === undefined ? before.profile : change.profile;
  problems.push(...unknownProfile(engine, profile));
  const checked = type.check({
    config: merged(before.config, change.config),
    credentials: merged(credentials, unmasked(change.credentials)),
    profile: profileOf(profile, targets),
  });
  if (!checked.ok) problems.push(...checked.problems);
  const deliveryMetadata = mergedMap(before.deliveryMetadata, change.deliveryMetadata);
  const metadata = mergedMap(before.metadata, change.metadata);
  problems.push(...tooManyNames({ delivery_metadata: deliveryMetadata, metadata }));
  if (problems.length > 0 || !checked.ok) return { kind: 'invalid', problems };

  const destination: Destination = {
    ...before,
    name: change.name === undefined ? before.name : change.name,
    profile,
    topics: change.topics ?? before.topics,
    config: checked.config,
    deliveryMetadata,
    metadata,
    policy: change.policy === null ? {} : mergedPolicy(before.policy, change.policy),
    disabledAtMs: change.disabledAtMs === undefined ? before.disabledAtMs : change.disabledAtMs,
    updatedAtMs: clock.nowMs(),
  };
  const cancelPending = before.disabledAtMs === null && destination.disabledAtMs !== null;
  const updated = await storage.destinationUpdate({
    destination: seal(engine, destination, checked.credentials, stored.revision + 1),
    ifRevision: stored.revision,
    cancelPending,
  });
  if (updated !== 'updated') return { kind: updated };
  await routing.refresh(before.tenantId);
  if (cancelPending) engine.wakeCanceler();
  return { kind: 'done', opened: { destination, credentials: checked.credentials, type } };
}

function opened({ targets }: Engine, stored: StoredDestination): OpenedDestination {
  const { sealedCredentials: _sealed, revision: _revision, ...destination } = stored;
  return {
    destination,
    credentials: openCredentials(stored, targets.boxes),
    type: targets.types.get(stored.type),
  };
}

function seal(
  { targets }: Engine,
  destination: Destination,
  credentials: Credentials,
  revision: number,
): StoredDestination {
  const place = credentialsPlace(destination.tenantId, destination.id);
  return {
    ...destination,
    sealedCredentials: targets.boxes.seal(JSON.stringify(credentials), place),
    revision,
  };
}

/** A masked value that is sent back stands for the one that is there. */
function unmasked(
  credentials: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(credentials ?? {}).filter(([, value]) => value !== MASK),
  );
}

function merged(
  before: Readonly<Record<string, unknown>>,
  change: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  const entries = Object.entries({ ...before, ...change });
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

function mergedMap(
  before: Readonly<Record<string, string>> | null,
  change: Readonly<Record<string, string | null>> | null | undefined,
): Record<string, string> | null {
  if (change === null) return null;
  const all = Object.entries({ ...before, ...change }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return all.length === 0 ? null : Object.fromEntries(all);
}

function mergedPolicy(
  before: DestinationPolicy,
  change: PolicyChange | undefined,
): DestinationPolicy {
  // Without the nulls, only what a policy may hold is left.
  return merged({ ...before }, change);
}

function tooManyNames(maps: Readonly<Record<string, object | null>>): FieldProblem[] {
  return Object.entries(maps)
    .filter(([, map]) => map !== null && Object.keys(map).length > MAX_MAP_NAMES)
    .map(([name]) => ({
      pointer: `/${name}`,
      code: 'too_many',
      message: `With what is there already it has more than ${MAX_MAP_NAMES} names.`,
    }));
}

function invalidType({ targets }: Engine): ManageResult {
  const message = `There are the types ${[...targets.types.keys()].join(', ')}.`;
  return { kind: 'invalid', problems: [{ pointer: '/type', code: 'enum', message }] };
}

function unknownProfile({ targets }: Engine, profile: string | null): FieldProblem[] {
  if (profile === null || targets.profiles.has(profile)) return [];
  const message = `There are the profiles ${[...targets.profiles.keys()].join(', ')}.`;
  return [{ pointer: '/profile', code: 'enum', message }];
}
