/**
 * Which lanes are this node's, where several share the database. A lane belongs to one node at a time, which alone claims
 * and attempts its deliveries: so its rate, concurrency, order and circuit breaker hold over all nodes (docs/decisions/026).
 *
 * Whose it shall be follows from the tenant, the destination and the live nodes alone (rendezvous.ts). When those change, a node
 * gives back what of such a lane waits in its memory, ends what is under way, and releases it; only then, or when the
 * node is dead, the next one gets it.
 */
import type { Clock } from '../domain/clock.ts';
import type { Health } from '../domain/health.ts';
import type { LaneKey, NodeStorage, NodeView } from '../storage/node-storage.ts';
import type { Lane } from './lane.ts';
import { designated } from './rendezvous.ts';
import type { Service } from './service.ts';

const LOOK_EVERY_MS = 1000;
const WHILE_LEAVING_MS = 100;
/** Lanes of one call. */
const MAX_TAKEN = 500;
const RETRY_MS = 500;

/** Before the first look. */
const NOBODY: NodeView = { self: 0, deliverers: [], publishers: 0, leads: false };

export interface OwnersHost {
  /** Who lives now; again and again, and before anything is claimed. */
  viewed(view: NodeView): void;
  /** It is this node's from now on. */
  taken(lane: Lane): void;
  /** It is to be another's: what waits in memory goes back. */
  leave(lane: Lane): void;
  /** Another node has it, or is to have it: there is nothing to wake up for. */
  isOthers(lane: Lane): void;
  /** Its destination is not there any more. */
  isGone(lane: Lane): boolean;
  /** Another node says that something is due. */
  told(lane: LaneKey): void;
  /** Whatever is in memory is others' to take. */
  loseAll(): void;
  /** Other nodes have come or gone: lanes that shall be this node's may have something waiting. */
  shared(): Promise<void>;
  /** Attempts may begin again. */
  resumed(): void;
}

/** What is known of a destination's health goes with its lane. */
export interface LaneHealth {
  write(): Promise<void>;
  learn(lane: LaneKey, health: Health): void;
}

export class LaneOwners {
  readonly #nodes: NodeStorage;
  readonly #clock: Clock;
  readonly #host: OwnersHost;
  readonly #health: LaneHealth;
  #view = NOBODY;
  readonly #owned = new Set<Lane>();
  /** Of those that are owned: they are to be another's. */
  readonly #leaving = new Set<Lane>();
  readonly #wanted = new Set<Lane>();
  #isTaking = false;
  readonly #toTell = new Map<number, Map<string, LaneKey>>();
  #wasAlive = true;

  constructor(nodes: NodeStorage, clock: Clock, health: LaneHealth, host: OwnersHost) {
    this.#nodes = nodes;
    this.#clock = clock;
    this.#health = health;
    this.#host = host;
    nodes.onReborn(() => this.#loseAll());
    nodes.onTold((lanes) => {
      for (const lane of lanes) host.told(lane);
    });
  }

  /** Whether this node leads what is done once over all nodes. */
  get leads(): boolean {
    return this.#view.leads && this.#nodes.isAlive();
  }

  /** Before an attempt: a node that was frozen may have lost what it has in memory. */
  get mayStart(): boolean {
    const isAlive = this.#nodes.isAlive();
    if (!isAlive) this.#wasAlive = false;
    return isAlive;
  }

  owns(lane: Lane): boolean {
    return this.#owned.has(lane) && !this.#leaving.has(lane);
  }

  /** Whether it shall be this node's, as far as it knows. */
  isDesignated(lane: LaneKey): boolean {
    return designated(lane, this.#view.deliverers) === this.#view.self;
  }

  /** The lane has something due, and is not this node's. */
  want(lane: Lane): void {
    const node = designated(lane, this.#view.deliverers);
    if (node === this.#view.self && !this.#leaving.has(lane)) {
      this.#wanted.add(lane);
      if (!this.#isTaking) void this.#take();
      return;
    }
    this.#host.isOthers(lane);
    if (node === null || this.#leaving.has(lane)) return;
    if (this.#toTell.size === 0) this.#clock.schedule(1, () => this.#tell());
    let lanes = this.#toTell.get(node);
    if (lanes === undefined) {
      lanes = new Map();
      this.#toTell.set(node, lanes);
    }
    const { tenantId, destinationId } = lane;
    lanes.set(`${tenantId}\0${destinationId}`, { tenantId, destinationId });
  }

  /** Before anything is claimed. */
  async begin(): Promise<void> {
    await this.#look();
  }

  service(): Service {
    return {
      name: 'watch of nodes',
      poll: async () => {
        const before = this.#view;
        await this.#look();
        if (!isSame(before.deliverers, this.#view.deliverers)) {
          this.#share();
          await this.#host.shared();
        }
        for (const lane of this.#owned) if (this.#host.isGone(lane)) this.#leaving.add(lane);
        await this.#release();
        if (!this.#wasAlive && this.#nodes.isAlive()) {
          this.#wasAlive = true;
          this.#host.resumed();
        }
        return this.#leaving.size > 0 ? WHILE_LEAVING_MS : LOOK_EVERY_MS;
      },
    };
  }

  async #look(): Promise<void> {
    this.#view = await this.#nodes.look();
    this.#host.viewed(this.#view);
  }

  #share(): void {
    for (const lane of this.#owned) {
      if (this.isDesignated(lane)) {
        if (this.#leaving.delete(lane)) this.#host.taken(lane);
      } else if (!this.#leaving.has(lane)) {
        this.#giveAway(lane);
      }
    }
  }

  /** Those that are to be another's, and have nothing in this node's memory any more. */
  async #release(): Promise<void> {
    const idle = [...this.#leaving].filter((lane) => lane.isIdle).slice(0, MAX_TAKEN);
    if (idle.length === 0) return;
    await this.#health.write();
    // Between two of its own turns: nothing can have come in.
    const still = idle.filter((lane) => this.#leaving.has(lane) && lane.isIdle);
    await this.#nodes.lanesRelease({ lanes: still.map(keyOf) });
    for (const lane of still) {
      this.#leaving.delete(lane);
      this.#owned.delete(lane);
      if (!this.#host.isGone(lane)) this.want(lane);
    }
  }

  /** All that are wanted, call by call. */
  async #take(): Promise<void> {
    this.#isTaking = true;
    // Those that are wanted in the same turn go together.
    await Promise.resolve();
    while (this.#wanted.size > 0) {
      const lanes = [...this.#wanted].slice(0, MAX_TAKEN);
      for (const lane of lanes) this.#wanted.delete(lane);
      const { self } = this.#view;
      try {
        const taken = await this.#nodes.lanesTake({ self, lanes: lanes.map(keyOf) });
        // Meanwhile it may have gone on under another number, with nothing in hand.
        const isSelf = self === this.#view.self;
        lanes.forEach((lane, index) =>
          this.#taken(lane, isSelf ? taken[index]?.health : undefined),
        );
      } catch {
        this.#clock.schedule(RETRY_MS, () => {
          for (const lane of lanes) if (!this.owns(lane)) this.want(lane);
        });
        break;
      }
    }
    this.#isTaking = false;
  }

  #taken(lane: Lane, health: Health | null | undefined): void {
    if (health === undefined) {
      // The one before has something of it under way: it tells when it is done. Whatever the reason, looking finds it.
      this.#host.isOthers(lane);
      return;
    }
    if (health !== null) this.#health.learn(lane, health);
    this.#owned.add(lane);
    if (this.isDesignated(lane)) this.#host.taken(lane);
    // Nodes have come or gone meanwhile: the one whose it shall be waits for it.
    else this.#giveAway(lane);
  }

  #giveAway(lane: Lane): void {
    this.#leaving.add(lane);
    this.#host.leave(lane);
  }

  #tell(): void {
    const told = [...this.#toTell];
    this.#toTell.clear();
    for (const [node, lanes] of told) {
      // What is not heard is found.
      this.#nodes.tell({ node, lanes: [...lanes.values()] }).catch(() => {});
    }
  }

  #loseAll(): void {
    this.#owned.clear();
    this.#leaving.clear();
    this.#wanted.clear();
    this.#view = NOBODY;
    this.#host.loseAll();
  }
}

function keyOf({ tenantId, destinationId }: Lane): LaneKey {
  return { tenantId, destinationId };
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((node, index) => node === other[index]);
}
