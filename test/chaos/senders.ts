/**
 * Whose a connection to a receiver is, from what Linux shows of processes and sockets: nodes look the same from outside.
 * On other systems it is not known, and a repeat may then be any node's.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { NodeName } from './plan.ts';

/** The column of /proc/net/tcp that has the number of the socket's file. */
const INODE_COLUMN = 9;

/** `port`: the other end's, on this machine. */
export function senderOf(
  port: number,
  processes: ReadonlyMap<NodeName, number | null>,
): NodeName | null {
  try {
    const inode = inodeOf(port);
    if (inode === null) return null;
    for (const [name, pid] of processes) if (pid !== null && hasSocket(pid, inode)) return name;
  } catch {
    // Not Linux, or the process has just ended.
  }
  return null;
}

function inodeOf(port: number): string | null {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const columns = line.trim().split(/\s+/);
    const inode = columns[INODE_COLUMN];
    if (columns[1]?.endsWith(local) === true && inode !== undefined && inode !== '0') return inode;
  }
  return null;
}

function hasSocket(pid: number, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((file) => {
    try {
      return readlinkSync(`${folder}/${file}`) === `socket:[${inode}]`;
    } catch {
      // Closed meanwhile.
      return false;
    }
  });
}
