/** The published client of Hookdeck Outpost, unchanged, pointed at a server of ours. */
import { Outpost } from '@hookdeck/outpost-sdk';
import { API_KEY } from './api-server.ts';
import type { ApiServer } from './api-server.ts';

export function outpostClient({ url }: ApiServer, apiKey = API_KEY): Outpost {
  return new Outpost({ apiKey, serverURL: `${url}/api/v1` });
}

interface ClientPage<Model> {
  readonly models?: readonly Model[] | undefined;
  readonly pagination?:
    | { readonly next?: string | null | undefined; readonly prev?: string | null | undefined }
    | undefined;
}

/** All pages of a list, as users of the client walk through them. */
export async function allPages<Model>(
  ask: (next: string | undefined) => Promise<ClientPage<Model>>,
): Promise<Model[][]> {
  const pages: Model[][] = [];
  let next: string | undefined;
  do {
    const { models = [], pagination } = await ask(next);
    pages.push([...models]);
    next = pagination?.next ?? undefined;
  } while (next !== undefined);
  return pages;
}
