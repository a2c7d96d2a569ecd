/** Lanes change: their destinations do, or the node whose they are. */
import type { LaneKey } from '../storage/node-storage.ts';
import type { Claimer } from './claimer.ts';
import type { DispatcherParts } from './dispatcher-parts.ts';
import type { TurnRing } from './turn-ring.ts';
import type { Lane } from './lane.ts';
import { LaneOwners } from './lane-owners.ts';
import type { OwnersHost } from './lane-owners.ts';
import type { Lanes } from './lanes.ts';
import type { WakeQueue } from './wake-queue.ts';

/** What of the dispatcher it works on. */
export interface HandoverDoor {
  readonly lanes: Lanes;
  readonly ring: TurnRing<Lane>;
  readonly wakes: WakeQueue<Lane>;
  readonly claimer: Claimer;
  readonly dispatcher: {
    noteDue(tenantId: string, destinationId: string, atMs: number): void;
    findWaiting(): Promise<void>;
    pump(): void;
  };
  makeReady(lane: Lane): void;
  wake(lane: Lane): void;
  /** What waits in memory goes back. */
  empty(lane: Lane): void;
  /** So many left the memory without a trace. */
  forgotten(count: number): void;
}

export interface Handover {
  /** `null`: all lanes are this node's. */
  readonly owners: LaneOwners | null;
  /** A tenant's destinations were read again. */
  readonly retarget: (tenantId: string) => void;
  /** Its destination is gone: what is still under way ends, and nothing more is claimed. */
  readonly close: (lane: Lane) => void;
}

export function handover(parts: DispatcherParts, door: HandoverDoor): Handover {
  const { nodes } = parts.storage;
  const { routing, clock } = parts;
  const { lanes, ring, wakes, claimer, dispatcher } = door;

  function retarget(tenantId: string): void {
    const route = routing.tenant(tenantId);
    if (route === undefined) ring.forget(tenantId);
    for (const lane of lanes.all()) {
      if (lane.tenantId !== tenantId) continue;
      const target = route?.targets.get(lane.destinationId);
      if (target !== undefined && lane.isOf(target)) lanes.retarget(lane, target);
      if (lane.standing(target, clock.nowMs()) === 'open') {
        // It may sleep for longer than it has to now, or have been held.
        door.makeReady(lane);
        if (lane.dueAtMs !== Infinity) door.wake(lane);
      } else {
        // Now, and not when it is their turn: by then it may be enabled again, and they are canceled.
        door.empty(lane);
        if (!lane.isOf(target)) close(lane);
      }
    }
    claimer.claim();
    dispatcher.pump();
  }

  function close(lane: Lane): void {
    claimer.remove(lane);
    forgetDue(lane);
    if (lane.isEmpty) lanes.forget(lane);
  }

  function forgetDue(lane: Lane): void {
    lane.forgetDue();
    wakes.set(lane, Infinity);
  }

  const noteDueNow = ({ tenantId, destinationId }: LaneKey) =>
    dispatcher.noteDue(tenantId, destinationId, clock.nowMs());

  const host: OwnersHost = {
    viewed(view) {
      if (!parts.shares.learn(view)) return;
      lanes.reshare();
      dispatcher.pump();
    },
    taken(lane) {
      noteDueNow(lane);
      door.wake(lane);
      claimer.claim();
    },
    leave(lane) {
      claimer.remove(lane);
      door.empty(lane);
    },
    isOthers: forgetDue,
    isGone: (lane) => !lane.isOf(routing.target(lane.tenantId, lane.destinationId)),
    told: noteDueNow,
    loseAll() {
      for (const lane of lanes.all()) {
        // What was known to be due was perhaps about to be taken: it is found again, and must then count as news.
        claimer.remove(lane);
        forgetDue(lane);
        door.forgotten(lane.queue.drain().length);
      }
    },
    shared: () => dispatcher.findWaiting(),
    resumed: () => dispatcher.pump(),
  };
  const owners = nodes === null ? null : new LaneOwners(nodes, clock, parts.health, host);
  return { owners, retarget, close };
}
