/** The way of one node to the database, which can be cut, slow, silent, or open in one direction only. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Who is told that the connection has ended, while the other one is not. */
export type Side = 'node' | 'database';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** Nothing is passed on any more, and no end either. */
  isHalf: boolean;
}

export class Proxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #pairs = new Set<Pair>();
  #delayMs = 0;
  #isSilent = false;
  #isRefusing = false;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#accept(near));
  }

  static async start(url: string): Promise<Proxy> {
    const proxy = new Proxy(new URL(url));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The database, by this way. */
  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
    const url = new URL(this.#target);
    url.port = String(address.port);
    return url.href;
  }

  /** All connections are reset; new ones too, until it is healed. */
  cut(): void {
    this.#isRefusing = true;
    this.#destroyAll();
  }

  /** Everything comes so much later, in both directions. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** Connections stay, also new ones are taken, and nothing comes through. */
  silence(): void {
    this.#isSilent = true;
    for (const { near, far } of this.#pairs) {
      near.pause();
      far.pause();
    }
  }

  /** Connections of now end for one side. The other one holds them for open, and what it sends arrives nowhere. */
  halfClose(told: Side): void {
    for (const pair of this.#pairs) {
      pair.isHalf = true;
      (told === 'node' ? pair.near : pair.far).end();
    }
  }

  /** As it was before any of these. What was on its way in silence comes through; what was half closed is reset. */
  heal(): void {
    this.#isRefusing = false;
    this.#delayMs = 0;
    this.#isSilent = false;
    for (const pair of this.#pairs) {
      if (pair.isHalf) destroy(pair);
      else {
        pair.near.resume();
        pair.far.resume();
      }
    }
  }

  async close(): Promise<void> {
    this.#destroyAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(near: Socket): void {
    if (this.#isRefusing) {
      near.on('error', () => undefined);
      near.resetAndDestroy();
      return;
    }
    const { hostname, port } = this.#target;
    const far = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    const pair: Pair = { near, far, isHalf: false };
    this.#pairs.add(pair);
    this.#pass(pair, near, far);
    this.#pass(pair, far, near);
  }

  #pass(pair: Pair, from: Socket, to: Socket): void {
    let behind: Promise<void> = Promise.resolve();
    // One behind the other, also where the delay has just become shorter.
    const later = (work: () => void) => {
      const atMs = performance.now() + this.#delayMs;
      behind = behind.then(async () => {
        const waitMs = atMs - performance.now();
        if (waitMs > 0) await pause(waitMs);
        work();
      });
    };
    from.setNoDelay(true);
    from.on('data', (chunk) =>
      later(() => {
        if (!pair.isHalf && !to.destroyed) to.write(chunk);
      }),
    );
    from.on('end', () =>
      later(() => {
        if (!pair.isHalf) to.end();
      }),
    );
    from.on('error', () => undefined);
    from.on('close', () => {
      if (pair.isHalf && !(from.destroyed && to.destroyed)) return;
      this.#pairs.delete(pair);
      later(() => to.destroy());
    });
    if (this.#isSilent) from.pause();
  }

  #destroyAll(): void {
    for (const pair of this.#pairs) destroy(pair);
  }
}

function destroy({ near, far }: Pair): void {
  near.resetAndDestroy();
  far.resetAndDestroy();
}
