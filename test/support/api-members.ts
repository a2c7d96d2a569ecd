/** Servers over one database, and what each knows of the others: they look who lives every second. */
import type { NodeView } from '../../src/storage/node-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { ApiOptions } from './api-server.ts';
import { ApiServer } from './api-server.ts';
import { until } from './api-until.ts';

export interface Member {
  readonly node: ApiServer;
  /** As it has looked last who lives. */
  readonly sees: () => NodeView | null;
}

export async function startMember(options: ApiOptions): Promise<Member> {
  let seen: NodeView | null = null;
  const noting = (storage: Storage): Storage => {
    const { nodes } = storage;
    if (nodes === null) throw new Error('there are nodes');
    return { ...storage, nodes: { ...nodes, look: async () => (seen = await nodes.look()) } };
  };
  return { node: await ApiServer.start({ ...options, wrap: noting }), sees: () => seen };
}

/** Resolves when each has seen so many. */
export async function agreed(
  members: readonly Member[],
  { deliverers, publishers }: { deliverers: number; publishers: number },
): Promise<void> {
  await until('all to know of each other', () =>
    members.every(({ sees }) => {
      const view = sees();
      return view?.deliverers.length === deliverers && view.publishers === publishers;
    })
      ? true
      : undefined,
  );
}
