/** A way to PostgreSQL that breaks in the commit of the next publish: before the server has it, or before its answer is back. */
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

export type Break = 'before the commit' | 'after the commit';

export interface CommitProxy {
  /** The URL, by this way. */
  readonly url: string;
  /** Once. */
  breakNext(when: Break): void;
  close(): Promise<void>;
}

export async function startCommitProxy(url: string): Promise<CommitProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let next: Break | null = null;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    let hasPublished = false;
    let hears = true;
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    near.on('data', (chunk) => {
      const said = chunk.toString('latin1');
      hasPublished ||= said.includes('INSERT INTO events');
      if (next !== null && hasPublished && said.includes('COMMIT')) {
        const when = next;
        next = null;
        if (when === 'before the commit') {
          end();
          return;
        }
        hears = false;
      }
      if (said.includes('COMMIT')) hasPublished = false;
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (hears) near.write(chunk);
      else end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
  const here = new URL(url);
  here.hostname = '127.0.0.1';
  here.port = String(address.port);
  return {
    url: here.href,
    breakNext: (when) => (next = when),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
