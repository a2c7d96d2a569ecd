/** A way to PostgreSQL that breaks in the commit of the next publish: before the server has it, or before its answer is back. */
import { startWay } from './postgres-way.ts';

export type Break = 'before the commit' | 'after the commit';

export interface CommitProxy {
  /** The URL, by this way. */
  readonly url: string;
  /** Once. */
  breakNext(when: Break): void;
  /** Whether it has, since it was told to. */
  readonly hasBroken: boolean;
  close(): Promise<void>;
}

export async function startCommitProxy(url: string): Promise<CommitProxy> {
  let next: Break | null = null;
  const way = await startWay(url, (near, far) => {
    let hasPublished = false;
    let hears = true;
    near.on('data', (chunk) => {
      const said = chunk.toString('latin1');
      hasPublished ||= said.includes('INSERT INTO events');
      if (next !== null && hasPublished && said.includes('COMMIT')) {
        const when = next;
        next = null;
        if (when === 'before the commit') {
          near.destroy();
          return;
        }
        hears = false;
      }
      if (said.includes('COMMIT')) hasPublished = false;
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (hears) near.write(chunk);
      else near.destroy();
    });
  });
  return {
    url: way.url,
    breakNext: (when) => (next = when),
    get hasBroken() {
      return next === null;
    },
    close: () => way.close(),
  };
}
