/**
 * What the engine knows of a tenant's destinations: the storage may have more, from the moment of a change until the
 * engine has read it. To the moment, so that also what the engine changes by itself is no excuse for longer.
 */
import type { Operation } from '../support/simulated-storage.ts';

interface Known {
  /** Changes that were written. */
  written: number;
  /** Of those, the ones that the engine has read. */
  read: number;
}

export class Knowledge {
  readonly #tenants = new Map<string, Known>();
  readonly #onSettled: (tenantId: string) => void;

  /** `onSettled`: the engine knows all that there is. */
  constructor(onSettled: (tenantId: string) => void) {
    this.#onSettled = onSettled;
  }

  /** A new process reads everything anew. */
  begin(): void {
    this.#tenants.clear();
  }

  isUnsettled(tenantId: string): boolean {
    const known = this.#tenants.get(tenantId);
    return known !== undefined && known.read < known.written;
  }

  written(operation: Operation, query: unknown): void {
    const tenantId = changedTenant(operation, query);
    if (tenantId !== null) this.#of(tenantId).written++;
  }

  /** Gives what is to be called when the process learns of what was read. */
  read(operation: Operation, query: unknown): () => void {
    if (operation !== 'routingOf') return () => {};
    const { tenantId } = query as { tenantId: string };
    const known = this.#of(tenantId);
    const { written } = known;
    return () => {
      // It may be of a process that has ended.
      if (this.#of(tenantId) !== known) return;
      known.read = Math.max(known.read, written);
      if (!this.isUnsettled(tenantId)) this.#onSettled(tenantId);
    };
  }

  #of(tenantId: string): Known {
    let known = this.#tenants.get(tenantId);
    if (known === undefined) {
      known = { written: 0, read: 0 };
      this.#tenants.set(tenantId, known);
    }
    return known;
  }
}

function changedTenant(operation: Operation, query: unknown): string | null {
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest changes no routing
  switch (operation) {
    case 'destinationInsert':
    case 'destinationUpdate':
      return (query as { destination: { tenantId: string } }).destination.tenantId;
    case 'destinationDelete':
      return (query as { tenantId: string }).tenantId;
    case 'tenantUpsert':
    case 'tenantDelete':
      return (query as { id: string }).id;
    default:
      return null;
  }
}
