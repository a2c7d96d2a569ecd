/**
 * Replays go on, a few deliveries at a time. Each goes through its events in slices: those that match are made due with
 * the same transaction that writes down how far it has come, so that a restart neither forgets nor repeats any. Never
 * more than some hundreds of a replay are due: new events find their lane nearly empty, and go first.
 */
import type { Clock } from '../domain/clock.ts';
import type { StopReason } from '../domain/replay.ts';
import type { ReplayDelivery, ReplayRecord } from '../storage/replaying.ts';
import type { Position } from '../storage/reading.ts';
import type { Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { EngineLog } from './engine-log.ts';
import { Rate } from './rate.ts';
import { ReplayMatch } from './replay-match.ts';
import type { RoutingTable } from './routing.ts';
import type { Service } from './service.ts';

export interface ReplayerParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** Deliveries of one replay that are due or under way, at most. */
const MAX_PENDING = 250;
/** Events that are looked at in one go, with their data and without. */
const SLICE_WITH_DATA = 100;
const SLICE = 500;
const SETTLE_LIMIT = 1000;
/** Between looks at what has become of the ones that are due; twice as long while nothing happens. */
const WAIT_MS = 50;
const MAX_WAIT_MS = 2000;
const BETWEEN_ROUNDS_MS = 60_000;

interface Step {
  readonly isProgress: boolean;
  /** From now; `null`: when something that is due has ended. */
  readonly againInMs: number | null;
}

const WAITING: Step = { isProgress: false, againInMs: null };

export function createReplayer(parts: ReplayerParts): Service {
  return new Replayer(parts);
}

class Replayer implements Service {
  readonly name = 'replayer';
  readonly #parts: ReplayerParts;
  readonly #rates = new Map<string, Rate>();
  #waitMs = WAIT_MS;

  constructor(parts: ReplayerParts) {
    this.#parts = parts;
  }

  async poll(): Promise<number> {
    const { storage, clock } = this.#parts;
    if ((await storage.replaysOpen()).length === 0) return this.#idle();
    const { settled } = await storage.replaySettle({ limit: SETTLE_LIMIT, nowMs: clock.nowMs() });
    const open = await storage.replaysOpen();
    let isProgress = settled > 0;
    let againInMs = Infinity;
    for (const replay of open) {
      if (replay.status !== 'running' || replay.isRead) continue;
      const step = await this.#advance(replay);
      isProgress ||= step.isProgress;
      againInMs = Math.min(againInMs, step.againInMs ?? Infinity);
    }
    for (const id of this.#rates.keys())
      if (open.every((replay) => replay.id !== id)) this.#rates.delete(id);
    this.#waitMs = isProgress ? WAIT_MS : Math.min(this.#waitMs * 2, MAX_WAIT_MS);
    return Math.min(againInMs, this.#waitMs);
  }

  #idle(): number {
    this.#rates.clear();
    this.#waitMs = WAIT_MS;
    return BETWEEN_ROUNDS_MS;
  }

  async #advance(replay: ReplayRecord): Promise<Step> {
    const { storage, routing, clock, log } = this.#parts;
    const { id, tenantId, destinationId, criteria, readTo } = replay;
    const route = routing.tenant(tenantId);
    if (route === undefined) return WAITING;
    const target = destinationId === null ? null : route.targets.get(destinationId);
    if (target === undefined) return this.#stop(id, 'destination_deleted');
    if (target?.enabled === false) return this.#stop(id, 'destination_disabled');

    const nowMs = clock.nowMs();
    const room = MAX_PENDING - replay.pending;
    if (room <= 0) return WAITING;
    const rate = this.#rateOf(replay);
    const startAtMs = rate.mayStartAtMs(0, nowMs);
    if (startAtMs > nowMs) return { isProgress: false, againInMs: startAtMs - nowMs };

    const match = new ReplayMatch(replay, route, (filtered, topic) =>
      log.filterGaveUp(tenantId, filtered.id, topic),
    );
    const isSelective = match.needsData || criteria.topics.length > 0;
    const slice = match.needsData ? SLICE_WITH_DATA : SLICE;
    const limit = isSelective ? slice : Math.min(slice, room, Math.max(1, rate.within(WAIT_MS)));
    const candidates = await storage.replayCandidates({
      ...criteria,
      tenantId,
      destinationId,
      belowSeq: replay.belowSeq,
      after: readTo,
      limit,
      withData: match.needsData,
    });
    const deliveries: ReplayDelivery[] = [];
    let to = readTo;
    let isWhole = true;
    for (const candidate of candidates) {
      const made = match.deliveries(candidate);
      if (made.length > 0 && (deliveries.length >= room || !take(rate, made.length, nowMs))) {
        isWhole = false;
        break;
      }
      deliveries.push(...made);
      to = candidate.position;
    }
    const isEnd = isWhole && candidates.length < limit;
    return this.#make(replay, { to, isEnd, deliveries });
  }

  async #make(
    { id, tenantId, readTo }: ReplayRecord,
    slice: { to: Position | null; isEnd: boolean; deliveries: readonly ReplayDelivery[] },
  ): Promise<Step> {
    const { storage, routing, dispatcher, clock } = this.#parts;
    const nowMs = clock.nowMs();
    const advanced = await storage.replayAdvance({ id, from: readTo, ...slice, nowMs });
    switch (advanced.kind) {
      case 'not_at_position':
        return WAITING;
      case 'destination_deleted':
      case 'destination_disabled':
        return this.#stop(id, advanced.kind);
      case 'advanced': {
        for (const { destinationId, seq } of advanced.superseded) {
          const target = routing.target(tenantId, destinationId);
          if (target !== undefined) dispatcher.supersede(target, seq);
        }
        for (const destinationId of new Set(slice.deliveries.map((each) => each.destinationId)))
          dispatcher.noteDue(tenantId, destinationId, clock.nowMs(), true);
        // A slice in which nothing matched costs nobody anything: the next one follows.
        const isQuiet = slice.deliveries.length === 0 && !slice.isEnd;
        return { isProgress: true, againInMs: isQuiet ? 0 : null };
      }
    }
  }

  async #stop(id: string, reason: StopReason): Promise<Step> {
    const { storage, clock } = this.#parts;
    await storage.replayStop({ id, reason, nowMs: clock.nowMs() });
    return { isProgress: true, againInMs: null };
  }

  #rateOf({ id, ratePerMinute }: ReplayRecord): Rate {
    let rate = this.#rates.get(id);
    if (rate === undefined) {
      rate = new Rate(ratePerMinute);
      this.#rates.set(id, rate);
    }
    return rate;
  }
}

/** Deliveries of one event go together: where the rate lets the first go, the others count ahead. */
function take(rate: Rate, count: number, nowMs: number): boolean {
  if (rate.mayStartAtMs(0, nowMs) > nowMs) return false;
  for (let index = 0; index < count; index++) rate.attemptStarted(nowMs);
  return true;
}
