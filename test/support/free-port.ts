/**
 * A port of this machine that nobody listens on, for servers that have to be told one, and that come back to it after they
 * were away. Not one of those that the system gives out by itself (from 32768 on where that is Linux, from 49152 on
 * elsewhere): between this and the server's start, any connection or receiver of another test might be given it.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const FIRST = 10_240;
const END = 32_768;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
