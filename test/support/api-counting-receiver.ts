/** A receiver on loopback that counts the requests that it has not answered yet, by the first part of their path. */
import { createServer } from 'node:http';

import { onTestFinished } from 'vitest';

const ANSWER_MS = 15;

export interface CountingReceiver {
  url(path: string): string;
  /** The most at the same time whose path begins so; `all`: of whatever path. */
  most(name: string): number;
  /** Those most are counted anew. */
  forget(): void;
  answered(): number;
}

/** Open until the test is over. */
export async function countingReceiver(): Promise<CountingReceiver> {
  const underWay = new Map<string, number>();
  const most = new Map<string, number>();
  let answered = 0;
  const server = createServer((request, response) => {
    const [, name = ''] = (request.url ?? '').split('/');
    const change = (by: number) => {
      for (const key of [name, 'all']) {
        const count = (underWay.get(key) ?? 0) + by;
        underWay.set(key, count);
        most.set(key, Math.max(most.get(key) ?? 0, count));
      }
    };
    change(1);
    request.resume();
    setTimeout(() => {
      change(-1);
      answered++;
      response.end();
    }, ANSWER_MS);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port');
  return {
    url: (path) => `http://127.0.0.1:${address.port}/${path}`,
    most: (name) => most.get(name) ?? 0,
    forget: () => most.clear(),
    answered: () => answered,
  };
}
