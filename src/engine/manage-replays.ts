/** Replays as people ask for them: counted, begun, paused, resumed, canceled. */
import type { AuditAction, AuditAuthor, AuditEntry, AuditSnapshot } from '../domain/audit.ts';
import { newId } from '../domain/id.ts';
import type { ReplayCriteria, ReplayOrder, ReplayTrigger } from '../domain/replay.ts';
import type { Position } from '../storage/reading.ts';
import type { ReplayRecord } from '../storage/replaying.ts';
import type { Engine } from './engine.ts';
import { ReplayMatch } from './replay-match.ts';
import type { TenantRoute } from './routing.ts';

export interface ReplayRequest {
  readonly tenantId: string;
  /** `null`: all of the tenant's; only with `failed`. */
  readonly destinationId: string | null;
  readonly criteria: Omit<ReplayCriteria, 'order'>;
  readonly ratePerMinute: number | null;
}

export type ReplayRefusal = 'unknown_tenant' | 'unknown_destination' | 'destination_disabled';

/** Of a tenant, running and paused. */
export const MAX_OPEN_REPLAYS = 100;

/** Events that are looked at in one go while they are counted. */
const COUNT_SLICE = 1000;

/** How many deliveries the replay would make due, if nothing happened meanwhile. */
export async function countReplay(
  engine: Engine,
  request: ReplayRequest,
): Promise<number | ReplayRefusal> {
  const route = routeFor(engine, request);
  return typeof route === 'string' ? route : count(engine, request, route);
}

/** Counts, and begins. */
export async function createReplay(
  engine: Engine,
  request: ReplayRequest,
  author: AuditAuthor,
): Promise<ReplayRecord | ReplayRefusal | 'too_many'> {
  const { storage, clock, random } = engine;
  const route = routeFor(engine, request);
  if (typeof route === 'string') return route;
  const replay = {
    ...request,
    id: newId('rpl', clock.nowMs(), random),
    criteria: { ...request.criteria, order: orderFor(request, route) },
    count: await count(engine, request, route),
    createdBy: author.actor.name,
    createdAtMs: clock.nowMs(),
  };
  const audit = replayAudit(author, 'replay.created', replay, {
    destination_id: request.destinationId,
    select: request.criteria.select,
    count: replay.count,
  });
  const inserted = await storage.replayInsert({ replay, maxOpen: MAX_OPEN_REPLAYS, audit });
  if (inserted !== 'inserted') return inserted;
  engine.wakeReplayer();
  // With its tenant deleted at this very moment it is gone.
  return (await storage.replayGet({ id: replay.id })) ?? 'unknown_tenant';
}

const ACTIONS = {
  pause: 'replay.paused',
  resume: 'replay.resumed',
  cancel: 'replay.canceled',
} as const satisfies Record<ReplayTrigger, AuditAction>;

/** `null`: there is none; `refused`: it has ended. */
export async function changeReplay(
  engine: Engine,
  replay: ReplayRecord,
  trigger: ReplayTrigger,
  author: AuditAuthor,
): Promise<ReplayRecord | 'refused' | null> {
  const { storage, clock } = engine;
  const { id } = replay;
  const audit = replayAudit(author, ACTIONS[trigger], replay, {});
  const changed = await storage.replayChange({ id, trigger, nowMs: clock.nowMs(), audit });
  if (changed === 'refused') return changed;
  engine.wakeReplayer();
  return changed === 'unknown' ? null : storage.replayGet({ id });
}

function routeFor(
  { routing }: Engine,
  { tenantId, destinationId }: ReplayRequest,
): TenantRoute | ReplayRefusal {
  const route = routing.tenant(tenantId);
  if (route === undefined) return 'unknown_tenant';
  if (destinationId === null) return route;
  const target = route.targets.get(destinationId);
  if (target === undefined) return 'unknown_destination';
  return target.enabled ? route : 'destination_disabled';
}

async function count(
  { storage }: Engine,
  request: ReplayRequest,
  route: TenantRoute,
): Promise<number> {
  const { tenantId, destinationId } = request;
  const criteria = { ...request.criteria, order: 'time' as const };
  const match = new ReplayMatch({ destinationId, criteria }, route, () => {});
  let total = 0;
  let after: Position | null = null;
  for (;;) {
    const candidates = await storage.replayCandidates({
      ...criteria,
      tenantId,
      destinationId,
      belowSeq: null,
      after,
      limit: COUNT_SLICE,
      withData: match.needsData,
    });
    for (const candidate of candidates) total += match.deliveries(candidate).length;
    const last = candidates.at(-1);
    if (last === undefined || candidates.length < COUNT_SLICE) return total;
    after = last.position;
  }
}

/** A destination that is ordered by key is promised the order of publishing. */
function orderFor({ destinationId }: ReplayRequest, { targets }: TenantRoute): ReplayOrder {
  const concerned = [...targets.values()].filter(
    ({ id }) => destinationId === null || id === destinationId,
  );
  return concerned.some(({ order }) => order === 'key') ? 'number' : 'time';
}

function replayAudit(
  author: AuditAuthor,
  action: AuditAction,
  { id, tenantId }: { readonly id: string; readonly tenantId: string },
  after: AuditSnapshot,
): AuditEntry {
  const resource = { kind: 'replay', id } as const;
  return { ...author, action, tenantId, resource, before: null, after };
}
