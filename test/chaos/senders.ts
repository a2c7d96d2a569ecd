/**
 * Whose a connection to a receiver is, from what Linux shows of processes and sockets: nodes look the same from outside.
 * On other systems it is not known, and a repeat may then be any node's.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { NodeName } from './plan.ts';

/** What comes in that time is looked up together: the tables are long. */
const GATHER_MS = 20;
/** The column of /proc/net/tcp that has the number of the socket's file. */
const INODE_COLUMN = 9;

type Looked = Promise<ReadonlyMap<string, NodeName>>;

export class Senders {
  readonly #processes: () => ReadonlyMap<NodeName, number | null>;
  readonly #known = new WeakMap<Socket, Promise<NodeName | null>>();
  #next: Looked | null = null;

  constructor(processes: () => ReadonlyMap<NodeName, number | null>) {
    this.#processes = processes;
  }

  /** `null`: not known. */
  of(socket: Socket): Promise<NodeName | null> {
    let sender = this.#known.get(socket);
    if (sender === undefined) {
      this.#next ??= this.#look();
      sender = this.#find(this.#next, socket.remotePort ?? 0);
      this.#known.set(socket, sender);
    }
    return sender;
  }

  async #find(looked: Looked, port: number): Promise<NodeName | null> {
    return (await looked).get(port.toString(16).toUpperCase().padStart(4, '0')) ?? null;
  }

  /** By port, as the table of sockets spells it. */
  async #look(): Looked {
    await pause(GATHER_MS);
    this.#next = null;
    const owners = new Map<string, NodeName>();
    for (const [name, pid] of this.#processes())
      for (const inode of pid === null ? [] : await socketsOf(pid)) owners.set(inode, name);
    const found = new Map<string, NodeName>();
    const table = await readFile('/proc/net/tcp', 'latin1').catch(() => '');
    for (const line of table.split('\n')) {
      const columns = line.trim().split(/\s+/);
      const owner = owners.get(columns[INODE_COLUMN] ?? '');
      if (owner !== undefined) found.set(columns[1]?.split(':')[1] ?? '', owner);
    }
    return found;
  }
}

/** The numbers of their files. */
async function socketsOf(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  // Not Linux, or it has just ended; and what is closed meanwhile is not there.
  const files = await readdir(folder).catch(() => []);
  const links = await Promise.all(
    files.map((file) => readlink(`${folder}/${file}`).catch(() => '')),
  );
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
