/** Ordered destinations: what may be claimed of them, and where a new delivery stands. */
import { compareVersions } from '../../domain/order.ts';
import type { Order } from '../../domain/order.ts';
import type { DeliveryKey } from '../reading.ts';
import type { NewEvent } from '../storage.ts';
import { STATUS_CODE } from './context.ts';
import type { WriteContext } from './context.ts';
import { isDueAt } from './due.ts';

const BLOCKS = `(status = ${STATUS_CODE.pending} OR holds = 1)`;

// The next key after one, and its first delivery: leaps over all that waits behind it.
const NEXT_HEAD = `
  SELECT order_key, event_seq, ordinal, status, claimed_by, next_attempt_ms, attempts, manual
  FROM deliveries INDEXED BY deliveries_in_order
  WHERE destination_no = ? AND order_key > ? AND ${BLOCKS}
  ORDER BY order_key, event_seq, ordinal LIMIT 1`;

const OTHERS_OF_KEY = `
  SELECT 1 FROM deliveries INDEXED BY deliveries_in_order
  WHERE destination_no = ? AND order_key = ? AND ${BLOCKS} AND (claimed_by <> ? OR holds = 1) LIMIT 1`;

const VERSIONS = `
  SELECT event_seq, ordinal, claimed_by, resource
  FROM deliveries INDEXED BY deliveries_in_order JOIN events ON events.seq = event_seq
  WHERE destination_no = ? AND deliveries.order_key = ? AND ${BLOCKS} AND status = ${STATUS_CODE.pending}`;

const SUPERSEDE = `
  UPDATE deliveries
  SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, last_code = 'superseded', updated_ms = ?
  WHERE event_seq = ? AND ordinal = ?`;

/** Keys looked at in one claim. */
const MAX_HEADS = 1000;

export interface OrderedHeads {
  readonly due: readonly DeliveryKey[];
  readonly nextDueAtMs: number | null;
  /** Something waits behind what this node has in memory. */
  readonly hasFollowers: boolean;
  /** The round over the keys goes on with the next claim. */
  readonly isPartial: boolean;
}

export interface Superseding {
  readonly inMemory: readonly DeliveryKey[];
  readonly isSuperseded: boolean;
  readonly isBehind: boolean;
}

/** A round over the keys of one lane, which may take several claims. */
interface Round {
  after: string;
  nextDueAtMs: number;
}

export class OrderedLanes {
  readonly #context: WriteContext;
  readonly #rounds = new Map<number, Round>();

  constructor(context: WriteContext) {
    this.#context = context;
  }

  /** The first of each key, where it is due and nobody has it. */
  heads(destinationNo: number, dueBeforeMs: number, limit: number): OrderedHeads {
    const { incarnation } = this.#context;
    const nextHead = this.#context.statement(NEXT_HEAD);
    const round = this.#rounds.get(destinationNo) ?? { after: '', nextDueAtMs: Infinity };
    const due: DeliveryKey[] = [];
    let hasFollowers = false;
    for (let looked = 0; due.length < limit && looked < MAX_HEADS; looked++) {
      const row = nextHead.get(destinationNo, round.after);
      if (row === undefined) {
        this.#rounds.delete(destinationNo);
        const { nextDueAtMs } = round;
        return {
          due,
          hasFollowers,
          nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs,
          isPartial: false,
        };
      }
      round.after = String(row['order_key']);
      if (row['status'] !== STATUS_CODE.pending) continue;
      if (row['claimed_by'] === incarnation)
        hasFollowers ||= this.isBlocked(destinationNo, round.after);
      else if (isDueAt(row, dueBeforeMs)) {
        due.push({ seq: Number(row['event_seq']), ordinal: Number(row['ordinal']) });
        // Perhaps: it is cheaper to look again than to count them.
        hasFollowers ||= !isOwnKey(round.after);
      } else round.nextDueAtMs = Math.min(round.nextDueAtMs, Number(row['next_attempt_ms']));
    }
    this.#rounds.set(destinationNo, round);
    return { due, hasFollowers, nextDueAtMs: dueBeforeMs, isPartial: true };
  }

  /** Something of that key is before whatever comes now, and this node does not have it in memory. */
  isBlocked(destinationNo: number, key: string): boolean {
    const { incarnation } = this.#context;
    return (
      this.#context.statement(OTHERS_OF_KEY).get(destinationNo, key, incarnation) !== undefined
    );
  }

  /**
   * Supersedes what is older than that version. Those that this node has in memory are only named: the engine knows
   * whether they are under way. `isSuperseded`: it is older than one that waits; a version that is replayed may be.
   * `isBehind`: what was before one that is neither older nor newer is gone, and somebody has to claim that one now.
   */
  supersede(
    destinationNo: number,
    key: string,
    { seq, resource }: { readonly seq: number; readonly resource: NewEvent['resource'] },
    nowMs: number,
  ): Superseding {
    const inMemory: DeliveryKey[] = [];
    let isSuperseded = false;
    let hasWaited = false;
    let isConcurrent = false;
    for (const row of this.#context.statement(VERSIONS).all(destinationNo, key)) {
      const before = row['resource'] === null ? null : String(row['resource']);
      const delivery = { seq: Number(row['event_seq']), ordinal: Number(row['ordinal']) };
      const isPublishedLater = delivery.seq > seq;
      const comparison = isPublishedLater
        ? INVERSE[compareVersions(before, resource)]
        : compareVersions(resource, before);
      switch (comparison) {
        case 'newer':
          if (row['claimed_by'] === this.#context.incarnation) inMemory.push(delivery);
          else {
            this.#context.statement(SUPERSEDE).run(nowMs, delivery.seq, delivery.ordinal);
            hasWaited = true;
          }
          break;
        case 'older':
          isSuperseded = true;
          break;
        case 'concurrent':
          isConcurrent ||= row['claimed_by'] !== this.#context.incarnation;
          break;
      }
    }
    return { inMemory, isSuperseded, isBehind: hasWaited && isConcurrent };
  }
}

const INVERSE = { newer: 'older', older: 'newer', concurrent: 'concurrent' } as const;

/** What is not ordered in an ordered lane has a key of its own, before all others. */
function ownKey(seq: number, ordinal: number): string {
  return `\u0001${seq}/${ordinal}`;
}

export function isOwnKey(key: string): boolean {
  return key.startsWith('\u0001');
}

export function storedKey(
  order: Order,
  key: string | null,
  seq: number,
  ordinal: number,
): string | null {
  return order === 'none' ? null : (key ?? ownKey(seq, ordinal));
}
