/** All lanes of this node, by destination. */
import { Lane } from './lane.ts';
import type { Target } from './target.ts';

export class Lanes {
  readonly #byKey = new Map<string, Lane>();

  /** Made where there is none yet. */
  of(target: Target): Lane {
    const key = keyOf(target);
    let lane = this.#byKey.get(key);
    if (lane === undefined) {
      lane = new Lane(target);
      this.#byKey.set(key, lane);
    }
    return lane;
  }

  find(target: Target): Lane | undefined {
    return this.#byKey.get(keyOf(target));
  }

  all(): Lane[] {
    return [...this.#byKey.values()];
  }

  forget({ tenantId, destinationId, createdAtMs }: Lane): void {
    this.#byKey.delete(keyOf({ tenantId, id: destinationId, createdAtMs }));
  }
}

/** One that was created anew under the id of a deleted one has a lane of its own: it is not owed what that one was. */
function keyOf({ tenantId, id, createdAtMs }: Pick<Target, 'tenantId' | 'id' | 'createdAtMs'>) {
  return `${tenantId}\0${id}\0${createdAtMs}`;
}
