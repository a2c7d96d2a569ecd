/**
 * The health of all destinations, in memory; what has changed is written every few seconds, and at the end. A process
 * that dies forgets the last seconds of it: a destination is then disabled by so many attempts later; or sooner, where a
 * success was among them. What follows from health is told before that health is written: so a notice that is lost with
 * the process comes again.
 */
import { afterAttempt, NEW_HEALTH } from '../domain/health.ts';
import type { Health, HealthEffect, HealthOutcome } from '../domain/health.ts';
import type { Clock } from '../domain/clock.ts';
import type { HealthEntry } from '../storage/health-storage.ts';
import type { LaneKey } from '../storage/node-storage.ts';
import type { Storage } from '../storage/storage.ts';
import type { Notices } from './notices.ts';
import type { RoutingTable } from './routing.ts';
import type { Service } from './service.ts';
import type { Target } from './target.ts';

const PAGE = 1000;
const BETWEEN_WRITES_MS = 5000;
const MAX_WRITTEN = 1000;
/** So long after its record an outcome has been told of, as far as is certain without asking. */
const TOLD_WITHIN_MS = 10_000;

interface Kept {
  readonly createdAtMs: number;
  enabled: boolean;
  health: Health;
}

export interface HealthKeeperParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly notices: Pick<Notices, 'taken'>;
  readonly clock: Clock;
}

export class HealthKeeper {
  readonly #storage: Storage;
  readonly #routing: RoutingTable;
  readonly #notices: Pick<Notices, 'taken'>;
  readonly #clock: Clock;
  readonly #byTenant = new Map<string, Map<string, Kept>>();
  /** What is not written yet, by tenant and destination. */
  readonly #changed = new Map<string, HealthEntry>();

  constructor({ storage, routing, notices, clock }: HealthKeeperParts) {
    this.#storage = storage;
    this.#notices = notices;
    this.#clock = clock;
    this.#routing = routing;
    routing.onChange((tenantId) => this.#retarget(tenantId));
  }

  /** After the routing was read. */
  async load(): Promise<void> {
    let after = 0;
    for (;;) {
      const page = await this.#storage.healthPage({ after, limit: PAGE });
      for (const { tenantId, destinationId, createdAtMs, health } of page) {
        const target = this.#routing.target(tenantId, destinationId);
        if (target?.createdAtMs === createdAtMs) this.#keptOf(target).health = health;
      }
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.position;
    }
  }

  of(tenantId: string, destinationId: string): Health {
    return this.#byTenant.get(tenantId)?.get(destinationId)?.health ?? NEW_HEALTH;
  }

  /** Counts an attempt; gives what follows. Of one that is disabled by now nothing follows. */
  attempted(target: Target, outcome: HealthOutcome, nowMs: number): readonly HealthEffect[] {
    const current = this.#routing.target(target.tenantId, target.id);
    if (current?.createdAtMs !== target.createdAtMs || !current.enabled) return [];
    const kept = this.#keptOf(current);
    const { health, effects } = afterAttempt(kept.health, outcome, nowMs, current.ending);
    kept.health = health;
    this.#note(current, health);
    return effects;
  }

  /** Where other nodes may have the lanes: as they wrote it last, a few seconds ago. `destinationId`: of that one alone. */
  async refresh(tenantId: string, destinationId?: string): Promise<void> {
    const { nodes } = this.#storage;
    if (nodes === null) return;
    const destinationIds = destinationId === undefined ? null : [destinationId];
    for (const { health, ...entry } of await nodes.healthOf({ tenantId, destinationIds })) {
      const target = this.#routing.target(tenantId, entry.destinationId);
      if (target?.createdAtMs === entry.createdAtMs) this.learn(entry, health);
    }
  }

  /** As another node has left it. What this one has counted since, and not written, counts. */
  learn({ tenantId, destinationId }: LaneKey, health: Health): void {
    const target = this.#routing.target(tenantId, destinationId);
    if (target === undefined || this.#changed.has(keyOf(tenantId, destinationId))) return;
    this.#keptOf(target).health = health;
  }

  /** Writes what has changed, unless what follows from it cannot be told just now. */
  async write(): Promise<void> {
    // Where there are several nodes, each one says how far it has told, also if that is nothing: the earliest holds.
    const isOneOfSeveral = this.#storage.nodes !== null;
    if (this.#changed.size > 0 || isOneOfSeveral)
      await this.#write(this.#clock.nowMs() - TOLD_WITHIN_MS);
  }

  /** At the end, when nothing is recorded any more. */
  async close(): Promise<void> {
    await this.#write(this.#clock.nowMs());
  }

  async #write(toldUpToMs: number): Promise<void> {
    const changed = [...this.#changed.values()];
    if (!(await this.#notices.taken())) return;
    do {
      const entries = changed.splice(0, MAX_WRITTEN);
      await this.#storage.healthPut({ entries, toldUpToMs });
      for (const entry of entries) {
        const key = keyOf(entry.tenantId, entry.destinationId);
        if (this.#changed.get(key) === entry) this.#changed.delete(key);
      }
    } while (changed.length > 0);
  }

  service(): Service {
    return {
      name: 'keeper of health',
      poll: async () => {
        await this.write();
        return BETWEEN_WRITES_MS;
      },
    };
  }

  #note({ tenantId, id, createdAtMs }: Target, health: Health): void {
    this.#changed.set(keyOf(tenantId, id), { tenantId, destinationId: id, createdAtMs, health });
  }

  #keptOf(target: Target): Kept {
    let kept = this.#byTenant.get(target.tenantId);
    if (kept === undefined) {
      kept = new Map();
      this.#byTenant.set(target.tenantId, kept);
    }
    const known = kept.get(target.id);
    if (known?.createdAtMs === target.createdAtMs) return known;
    const made = {
      createdAtMs: target.createdAtMs,
      enabled: target.enabled,
      health: NEW_HEALTH,
    };
    kept.set(target.id, made);
    return made;
  }

  /** One that was enabled begins anew; what is gone is forgotten. */
  #retarget(tenantId: string): void {
    const kept = this.#byTenant.get(tenantId);
    const route = this.#routing.tenant(tenantId);
    for (const [id, each] of kept ?? []) {
      const target = route?.targets.get(id);
      if (target?.createdAtMs !== each.createdAtMs) {
        kept?.delete(id);
        this.#changed.delete(keyOf(tenantId, id));
        continue;
      }
      if (target.enabled && !each.enabled) {
        each.health = NEW_HEALTH;
        this.#note(target, NEW_HEALTH);
      }
      each.enabled = target.enabled;
    }
    if (route === undefined) this.#byTenant.delete(tenantId);
  }
}

function keyOf(tenantId: string, destinationId: string): string {
  return `${tenantId}\0${destinationId}`;
}
