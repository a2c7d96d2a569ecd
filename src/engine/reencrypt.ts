/**
 * Moves sealed secrets to the first of the encryption keys, a slice at a time, while everything else goes on.
 *
 * A box is opened, sealed again and put back only if its row is as it was read: who changes the row meanwhile has sealed
 * it under the first key anyway. What the secrets are does not change, so no routing and no open sender does either. A
 * walk that was cut off can be taken up again, or begun anew: what has moved already is only looked at.
 */
import {
  clientPlace,
  credentialsPlace,
  tenantSecretsPlace,
  UnsealError,
} from '../domain/sealed-box.ts';
import type { SealedBoxes } from '../domain/sealed-box.ts';
import { SEALED_KINDS } from '../storage/sealed.ts';
import type { SealedKind, SealedOwner, SealedRow } from '../storage/sealed.ts';
import type { Storage } from '../storage/storage.ts';

/** Where a walk goes on. */
export interface WalkPosition {
  readonly kind: SealedKind;
  readonly after: number;
}

export interface ReencryptedSlice {
  readonly checked: number;
  readonly resealed: number;
  /** Those that are not under the first key now: none of the keys opens them. */
  readonly underOtherKeys: number;
  /** `null`: that was the end. */
  readonly next: WalkPosition | null;
}

/** Rows that change under our hands are read again; each time, somebody else has moved one. */
const MAX_TRIES = 50;

export async function reencryptSlice(
  storage: Storage,
  boxes: SealedBoxes,
  { kind, after }: WalkPosition = START,
  limit: number,
): Promise<ReencryptedSlice> {
  let resealed = 0;
  for (let tries = 1; ; tries++) {
    const rows = await storage.sealedList({ kind, after, limit });
    const others = rows.filter(({ sealed }) => !boxes.isCurrent(sealed));
    const moved = others.flatMap((row) => reseal(row, boxes));
    const put = moved.length === 0 ? 0 : (await storage.reseal({ rows: moved })).resealed;
    resealed += put;
    if (put < moved.length && tries < MAX_TRIES) continue;
    return {
      checked: rows.length,
      resealed,
      underOtherKeys: others.length - put,
      next: nextPosition(kind, rows, limit),
    };
  }
}

const START: WalkPosition = { kind: SEALED_KINDS[0], after: 0 };

/** Nothing where no key opens it. */
function reseal(row: SealedRow, boxes: SealedBoxes): SealedRow[] {
  const place = placeOf(row.owner);
  let text;
  try {
    text = boxes.open(row.sealed, place);
  } catch (error) {
    if (error instanceof UnsealError) return [];
    throw error;
  }
  return [{ ...row, sealed: boxes.seal(text, place) }];
}

function placeOf(owner: SealedOwner): string {
  switch (owner.kind) {
    case 'tenant':
      return tenantSecretsPlace(owner.tenantId);
    case 'destination':
      return credentialsPlace(owner.tenantId, owner.id);
    case 'client':
      return clientPlace(owner.tenantId, owner.id);
  }
}

function nextPosition(
  kind: SealedKind,
  rows: readonly SealedRow[],
  limit: number,
): WalkPosition | null {
  const last = rows.at(-1);
  if (last !== undefined && rows.length === limit) return { kind, after: last.position };
  const nextKind = SEALED_KINDS[SEALED_KINDS.indexOf(kind) + 1];
  return nextKind === undefined ? null : { kind: nextKind, after: 0 };
}
