/**
 * Whose a lane shall be, of several nodes: each pair of lane and node has a weight, and the heaviest counts. So each node
 * gets about as many, and when one comes or goes only its lanes move (rendezvous hashing).
 */
import type { LaneKey } from '../storage/node-storage.ts';

/** `null`: there is no node. */
export function designated(lane: LaneKey, nodes: readonly number[]): number | null {
  if (nodes.length <= 1) return nodes[0] ?? null;
  const laneHash = hashOf(lane.destinationId, hashOf(lane.tenantId, FNV_BASIS));
  let heaviest: number | null = null;
  let weight = -1;
  for (const node of nodes) {
    const mixed = mix(laneHash ^ Math.imul(node, GOLDEN));
    if (mixed > weight) [heaviest, weight] = [node, mixed];
  }
  return heaviest;
}

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const GOLDEN = 0x9e3779b1;

/** FNV-1a. */
function hashOf(text: string, basis: number): number {
  let hash = basis;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return hash;
}

/** The end of MurmurHash3: every bit of it counts for every bit of the answer, which is not negative. */
function mix(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
