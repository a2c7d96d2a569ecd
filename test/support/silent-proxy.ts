/** A way to a server that can fall silent: connections stay, and nothing comes through any more. */
import type { Socket } from 'node:net';
import { startWay } from './postgres-way.ts';

export interface SilentProxy {
  /** The URL, by this way. */
  readonly url: string;
  fallSilent(): void;
  /**
   * When the next commit of a publish has gone to the server, and before its answer comes: all connections, or that one.
   * Resolves then.
   */
  fallSilentInCommit(which: 'all' | 'one'): Promise<void>;
  /** What was on its way comes through. */
  speak(): void;
  close(): Promise<void>;
}

export async function startSilentProxy(url: string): Promise<SilentProxy> {
  let isSilent = false;
  let next: ((near: Socket, far: Socket) => void) | null = null;
  const fallSilent = () => {
    isSilent = true;
    for (const socket of way.sockets) socket.pause();
  };
  const way = await startWay(url, (near, far) => {
    let hasPublished = false;
    near.on('data', (chunk) => {
      far.write(chunk);
      const said = chunk.toString('latin1');
      hasPublished ||= said.includes('INSERT INTO events');
      if (!said.includes('COMMIT')) return;
      if (hasPublished && next !== null) next(near, far);
      hasPublished = false;
    });
    far.on('data', (chunk) => near.write(chunk));
    if (!isSilent) return;
    near.pause();
    far.pause();
  });
  return {
    url: way.url,
    fallSilent,
    fallSilentInCommit: (which) =>
      new Promise((resolve) => {
        next = (...sockets) => {
          next = null;
          if (which === 'one') for (const socket of sockets) socket.pause();
          else fallSilent();
          resolve();
        };
      }),
    speak() {
      isSilent = false;
      for (const socket of way.sockets) socket.resume();
    },
    close: () => way.close(),
  };
}
