/** A way to PostgreSQL that leads through the test: what becomes of what either side says is the test's to decide. */
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

export interface Way {
  /** The URL, by this way. */
  readonly url: string;
  /** Of all connections, both sides. */
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/**
 * `onConnection` joins the two sides of each connection. Where one of them ends, so does the other, unless what it gives says
 * what is done with that one.
 */
export async function startWay(
  url: string,
  onConnection: (near: Socket, far: Socket) => ((other: Socket) => void) | void,
): Promise<Way> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    const onEnd = onConnection(near, far) ?? ((other) => other.destroy());
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      // It closes then.
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        onEnd(to);
      });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the way has no port');
  const here = new URL(url);
  here.hostname = '127.0.0.1';
  here.port = String(address.port);
  return {
    url: here.href,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
