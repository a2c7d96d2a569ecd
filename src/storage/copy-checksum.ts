/**
 * A checksum of a table's rows, whatever their order: the sum of the SHA-256 of each. So each engine reads its rows as it
 * likes. Large values come as their own SHA-256, which a database can make for itself.
 */
import { hash } from 'node:crypto';
import type { TableDigest } from './copying.ts';
import type { Cell } from './copy-tables.ts';

const MODULUS = 1n << 256n;

export class CopyChecksum {
  #rows = 0;
  #sum = 0n;

  /** Of a row with the digests of its bytes in place of these. */
  add(row: readonly Exclude<Cell, Uint8Array>[]): void {
    this.#rows++;
    this.#sum = (this.#sum + BigInt(`0x${hash('sha256', JSON.stringify(row), 'hex')}`)) % MODULUS;
  }

  digest(): TableDigest {
    return { rows: this.#rows, checksum: this.#sum.toString(16).padStart(64, '0') };
  }
}

export function digestOfBytes(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}
