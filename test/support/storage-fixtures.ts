/** Small things that tests of storages are made of. */
import { headerLines } from '../../src/domain/attempt.ts';
import type { AuditEntry } from '../../src/domain/audit.ts';
import type { StoredClient } from '../../src/storage/client-storage.ts';
import type {
  AttemptQuery,
  AuditQuery,
  DeliveryKey,
  DeliveryQuery,
  DeliveryRecord,
  EventQuery,
  PageRequest,
  StoredAttempt,
} from '../../src/storage/reading.ts';
import type { ClaimedDelivery, LaneClaim } from '../../src/storage/claiming.ts';
import type {
  AttemptRecord,
  NewEvent,
  PublishOutcome,
  Storage,
  StoredDestination,
  TenantRouting,
} from '../../src/storage/storage.ts';

export const HOUR_MS = 3_600_000;

const ALL: PageRequest = { limit: 10_000, order: 'asc', from: null };
const ALWAYS = { fromMs: null, toMs: null };

export const ALL_EVENTS: EventQuery = {
  ids: [],
  tenantIds: [],
  topics: [],
  destinationId: null,
  time: ALWAYS,
  page: ALL,
};

export const ALL_DELIVERIES: DeliveryQuery = {
  tenantIds: [],
  destinationId: null,
  eventSeq: null,
  status: null,
  codes: [],
  topics: [],
  time: ALWAYS,
  page: ALL,
};

export const ALL_ATTEMPTS: AttemptQuery = {
  tenantIds: [],
  destinationId: null,
  destinationTypes: [],
  eventSeq: null,
  delivery: null,
  topics: [],
  status: null,
  time: ALWAYS,
  page: ALL,
};

export const ALL_AUDIT: AuditQuery = {
  tenantIds: [],
  actorIds: [],
  actions: [],
  resourceIds: [],
  time: ALWAYS,
  page: ALL,
};

/** Of a change that the operator's own key asked for. */
export function auditEntryOf(changes: Partial<AuditEntry> = {}): AuditEntry {
  return {
    atMs: 1_700_000_000_000,
    actor: { kind: 'operator', id: null, name: 'ANGARIUM_API_KEY' },
    address: '127.0.0.1',
    requestId: 'req_1',
    action: 'tenant.updated',
    tenantId: 't',
    resource: { kind: 'tenant', id: 't' },
    before: null,
    after: {},
    ...changes,
  };
}

// ── Tenants and destinations ─────────────────────────────────────────────────────────────────────────────────────

let lastTenant = 0;

/** An id that no tenant of this process has had. */
export function newTenantId(): string {
  lastTenant++;
  return `tenant-${lastTenant}`;
}

/** A new tenant with destinations of these ids; gives its id. */
export async function seedTenant(storage: Storage, ...destinationIds: string[]): Promise<string> {
  const tenantId = newTenantId();
  await storage.tenantUpsert({ id: tenantId, metadata: {} });
  for (const id of destinationIds) await insertDestination(storage, tenantId, id);
  return tenantId;
}

export function destinationOf(
  tenantId: string,
  id: string,
  changes: Partial<StoredDestination> = {},
): StoredDestination {
  return {
    tenantId,
    id,
    type: 'webhook',
    name: null,
    profile: null,
    format: { name: 'profile' },
    httpSignature: null,
    topics: ['*'],
    config: { url: 'https://example.com/hook' },
    filter: null,
    deliveryMetadata: null,
    metadata: null,
    policy: {},
    disabledAtMs: null,
    disabledReason: null,
    expiresAtMs: null,
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_000,
    sealedCredentials: Uint8Array.of(0, 1, 2, 255),
    revision: 1,
    ...changes,
  };
}

export async function insertDestination(
  storage: Storage,
  tenantId: string,
  id: string,
  changes: Partial<StoredDestination> = {},
): Promise<void> {
  const destination = destinationOf(tenantId, id, changes);
  const result = await storage.destinationInsert({ destination, maxPerTenant: 10_000 });
  if (result !== 'inserted') throw new Error(`destination ${id}: ${result}`);
}

/** An API client whose urn is that id, and its token's beginning. */
export function clientOf(
  tenantId: string,
  urn: string,
  changes: Partial<StoredClient> = {},
): StoredClient {
  return {
    tenantId,
    urn,
    name: `client ${urn}`,
    clientId: urn,
    scope: 'webhook',
    permissions: 'all',
    token: { prefix: `anc_${urn}`, hash: Uint8Array.of(0, 1, 254, 255) },
    previousToken: null,
    certificateExpiresAtMs: null,
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_000,
    expiresAtMs: null,
    revokedAtMs: null,
    revision: 1,
    sealedSecrets: Uint8Array.of(1, 2, 3),
    ...changes,
  };
}

/** Disables or enables a destination, as the engine does. */
export async function switchDestination(
  storage: Storage,
  tenantId: string,
  id: string,
  { disabledAtMs, cancelPending }: { disabledAtMs: number | null; cancelPending: boolean },
): Promise<void> {
  const stored = await storage.destinationGet({ tenantId, id });
  if (stored === null) throw new Error(`there is no destination ${id}`);
  const result = await storage.destinationUpdate({
    destination: {
      ...stored,
      disabledAtMs,
      disabledReason: disabledAtMs === null ? null : 'by_hand',
      revision: stored.revision + 1,
    },
    ifRevision: stored.revision,
    cancelPending,
  });
  if (result !== 'updated') throw new Error(`destination ${id}: ${result}`);
}

export async function routingOf(storage: Storage, tenantId: string): Promise<TenantRouting> {
  const routing = await storage.routingOf({ tenantId });
  if (routing === null) throw new Error(`there is no tenant ${tenantId}`);
  return routing;
}

// ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface EventChanges extends Partial<NewEvent> {
  /** Destinations, unclaimed. */
  readonly to?: readonly string[];
  /** Destinations, claimed from birth. */
  readonly toClaimed?: readonly string[];
}

export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** An event that would be stored now. */
export async function eventFor(
  storage: Storage,
  tenantId: string,
  { to = [], toClaimed = [], ...changes }: EventChanges = {},
): Promise<NewEvent> {
  const { version } = await routingOf(storage, tenantId);
  return {
    tenantId,
    routingVersion: version,
    id: null,
    topic: 'room.created',
    timeMs: null,
    eligibleForRetry: true,
    test: false,
    metadata: null,
    resource: null,
    orderKey: null,
    deliverAtMs: null,
    data: jsonBytes({ room: 1 }),
    requestedDestinationId: null,
    destinations: [
      ...to.map((id) => ({ id, claimed: false })),
      ...toClaimed.map((id) => ({ id, claimed: true })),
    ],
    ...changes,
  };
}

export async function outcomesOf(
  storage: Storage,
  ...events: NewEvent[]
): Promise<readonly PublishOutcome[]> {
  return storage.publish({ events });
}

/** Publishes one event that is stored; gives its number. */
export async function publish(
  storage: Storage,
  tenantId: string,
  changes: EventChanges = {},
): Promise<number> {
  const [outcome] = await outcomesOf(storage, await eventFor(storage, tenantId, changes));
  if (outcome?.kind !== 'stored') throw new Error(`the event was not stored: ${outcome?.kind}`);
  return outcome.seq;
}

// ── Deliveries and attempts ──────────────────────────────────────────────────────────────────────────────────────

export async function deliveryAt(
  storage: Storage,
  seq: number,
  ordinal = 0,
): Promise<DeliveryRecord> {
  const delivery = await storage.deliveryGet({ delivery: { seq, ordinal } });
  if (delivery === null) throw new Error(`there is no delivery ${seq}/${ordinal}`);
  return delivery;
}

export async function deliveriesOf(storage: Storage, eventSeq: number): Promise<DeliveryRecord[]> {
  return [...(await storage.deliveryList({ ...ALL_DELIVERIES, eventSeq })).rows];
}

export async function attemptsOf(
  storage: Storage,
  delivery: DeliveryKey,
): Promise<StoredAttempt[]> {
  return [...(await storage.attemptList({ ...ALL_ATTEMPTS, delivery })).rows];
}

/** A first attempt that was delivered. */
export function attemptOf(
  delivery: DeliveryKey,
  changes: Partial<AttemptRecord> = {},
): AttemptRecord {
  return {
    delivery,
    number: 1,
    kind: 'first',
    step: 0,
    verdict: { status: 'delivered' },
    startedAtMs: 1_700_000_000_000,
    reason: null,
    detail: null,
    timings: { dnsMs: 1.5, connectMs: 2, tlsMs: null, firstByteMs: 10.1, totalMs: 12.3 },
    request: {
      shape: {
        url: 'https://example.com/hook',
        headers: headerLines(['content-type', 'application/json']),
        payload: 'standard',
      },
      headers: headerLines(['webhook-id', 'evt_1']),
    },
    response: {
      status: 200,
      headers: headerLines(['x-a', '1', 'x-a', '2']),
      body: new TextEncoder().encode('ok'),
      truncated: false,
    },
    ...changes,
  };
}

/** A first attempt that failed with a status. */
export function failureOf(
  delivery: DeliveryKey,
  verdict: AttemptRecord['verdict'],
  changes: Partial<AttemptRecord> = {},
): AttemptRecord {
  return attemptOf(delivery, {
    verdict,
    step: 1,
    reason: 'http_status',
    detail: 'The receiver answered 503.',
    response: { status: 503, headers: '', body: new Uint8Array(), truncated: false },
    ...changes,
  });
}

type ClaimGiven = Omit<LaneClaim, 'limit'> & {
  readonly limit?: number;
  readonly dueBeforeMs: number;
};

/** Claims one lane. */
export async function claim(
  storage: Storage,
  { limit = 1000, dueBeforeMs, ...lane }: ClaimGiven,
): Promise<{ deliveries: readonly ClaimedDelivery[]; nextDueAtMs: number | null }> {
  const [claimed] = await storage.claim({ lanes: [{ ...lane, limit }], dueBeforeMs });
  if (claimed === undefined) throw new Error('no answer for the lane');
  return claimed;
}

/** Counts, cancels and prunes are done in slices: all of them. */
export async function rollUpAll(storage: Storage, limit = 7): Promise<void> {
  while ((await storage.rollUpSlice({ limit })).more);
}

export async function cancelAll(storage: Storage, nowMs: number, limit = 2): Promise<number> {
  let total = 0;
  for (;;) {
    const { canceled, more } = await storage.cancelSlice({ limit, nowMs });
    total += canceled;
    if (!more) return total;
  }
}

/** What is not counted yet is kept. */
export async function pruneAll(storage: Storage, beforeMs: number, limit = 2): Promise<number> {
  await rollUpAll(storage);
  let total = 0;
  for (;;) {
    const { events, more } = await storage.pruneSlice({ beforeMs, limit });
    total += events;
    if (!more) return total;
  }
}
