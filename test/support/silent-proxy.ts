/** A way to a server that can fall silent: connections stay, and nothing comes through any more. */
import { startWay } from './postgres-way.ts';

export interface SilentProxy {
  /** The URL, by this way. */
  readonly url: string;
  fallSilent(): void;
  /** What was on its way comes through. */
  speak(): void;
  close(): Promise<void>;
}

export async function startSilentProxy(url: string): Promise<SilentProxy> {
  let isSilent = false;
  const way = await startWay(url, (near, far) => {
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => near.write(chunk));
    if (!isSilent) return;
    near.pause();
    far.pause();
  });
  return {
    url: way.url,
    fallSilent() {
      isSilent = true;
      for (const socket of way.sockets) socket.pause();
    },
    speak() {
      isSilent = false;
      for (const socket of way.sockets) socket.resume();
    },
    close: () => way.close(),
  };
}
