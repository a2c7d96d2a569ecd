/**
 * What other nodes have changed. A request asks before anything else (`current`): whatever was answered anywhere before it
 * came counts for it. Requests that come together share one look; where no other node has the database there is none.
 */
import type { Clock } from '../domain/clock.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import type { Storage } from '../storage/storage.ts';
import type { Catalogue } from './catalogue.ts';
import type { RoutingTable } from './routing.ts';
import type { Service } from './service.ts';

/** Lanes learn of changes without a request. */
const LOOK_EVERY_MS = 1000;
/** Who has no answer by then is told so: a database that is silent is away. */
const MAX_LOOK_MS = 900;
/** A thread that was held up learns first that it is late: what has come meanwhile is read before that counts. */
const READ_FIRST_MS = 1;

interface Ring {
  refresh(): Promise<void>;
}

interface Seen {
  readonly seq: number;
  readonly keys: number;
  readonly clients: number;
  readonly catalogue: number;
}

export class ChangeWatch {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #routing: RoutingTable;
  readonly #catalogue: Catalogue;
  #rings: { readonly keys: Ring; readonly clients: Ring } | null = null;
  readonly #maxLookMs: number;
  #seen: Seen = { seq: Number.MAX_SAFE_INTEGER, keys: -1, clients: -1, catalogue: -1 };
  #now: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(
    storage: Storage,
    routing: RoutingTable,
    catalogue: Catalogue,
    clock: Clock,
    maxLookMs = MAX_LOOK_MS,
  ) {
    this.#storage = storage;
    this.#maxLookMs = maxLookMs;
    this.#clock = clock;
    this.#routing = routing;
    this.#catalogue = catalogue;
  }

  /** Who holds credentials in memory. */
  watchRings(rings: { readonly keys: Ring; readonly clients: Ring }): void {
    this.#rings = rings;
  }

  /** Before all that is to be watched is read for the first time. */
  async begin(): Promise<void> {
    const { nodes } = this.#storage;
    if (nodes === null) return;
    const { seq } = await nodes.changes({ afterSeq: Number.MAX_SAFE_INTEGER });
    this.#seen = { ...this.#seen, seq };
  }

  /**
   * Resolves when all that was committed before this call is known; `null`: it is known. Rejects with
   * `StorageUnavailableError` where the database does not answer within a second.
   */
  current(): Promise<void> | null {
    if (this.#storage.nodes === null) return null;
    if (this.#now === null) return this.#begin();
    // The one under way may have looked before. Where that gets no answer, the next one would wait as long.
    this.#next ??= this.#now.finally(() => (this.#next = null)).then(() => this.#begin());
    return this.#next;
  }

  service(): Service {
    return {
      name: 'watch of changes',
      poll: async () => {
        await this.current();
        return LOOK_EVERY_MS;
      },
    };
  }

  #begin(): Promise<void> {
    const now = this.#inTime(this.#look());
    this.#now = now;
    const end = () => {
      if (this.#now === now) this.#now = null;
    };
    now.then(end, end);
    return now;
  }

  #inTime(look: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new StorageUnavailableError('the database does not answer'));
      let timer = this.#clock.schedule(this.#maxLookMs, () => {
        timer = this.#clock.schedule(READ_FIRST_MS, late);
      });
      look.finally(() => timer.cancel()).then(resolve, reject);
    });
  }

  async #look(): Promise<void> {
    const { nodes } = this.#storage;
    if (nodes === null) return;
    const before = this.#seen;
    const found = await nodes.changes({ afterSeq: before.seq });
    const moved = found.tenants.filter(
      ({ id, version }) => this.#routing.tenant(id)?.version !== (version ?? undefined),
    );
    await Promise.all([
      ...moved.map(({ id }) => this.#routing.refresh(id)),
      found.catalogue === before.catalogue ? null : this.#catalogue.refresh(),
      found.keys === before.keys ? null : this.#rings?.keys.refresh(),
      found.clients === before.clients ? null : this.#rings?.clients.refresh(),
    ]);
    const { seq, keys, clients, catalogue } = found;
    this.#seen = { seq, keys, clients, catalogue };
  }
}
