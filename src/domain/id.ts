/**
 * Ids. They are prefixed, sort by time and hold no `.` (it separates the parts of Standard Webhooks' signed text).
 *
 * An event's number (`seq`) is taken by the storage inside the commit: microseconds since the epoch, or one more
 * than the last number where that is not later. So it only grows, whatever the clock does, it tells the time of
 * ingestion, and it does not show how many events there are. The ids of events, deliveries and attempts spell
 * their number, and so are found by primary key, without an index of ids; four characters of the database's own keep
 * the ids of two installations apart.
 */
import { randomBytes, randomFillSync } from 'node:crypto';

/** A source of chance: `nextFloat` in [0, 1), `bytes` for keys and ids. */
export interface Random {
  nextFloat(): number;
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = {
  nextFloat: () => Math.random(),
  bytes: (count) => (count <= MAX_DRAWN_BYTES ? drawn(count) : randomBytes(count)),
};

const POOL_BYTES = 4096;
const MAX_DRAWN_BYTES = 64;
const pool = Buffer.alloc(POOL_BYTES);
let poolUsed = POOL_BYTES;

/** Of bytes that were made together: a call for each few costs several times what they do. None is given twice, or kept. */
function drawn(count: number): Uint8Array {
  if (poolUsed + count > POOL_BYTES) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const bytes = new Uint8Array(count);
  bytes.set(pool.subarray(poolUsed, poolUsed + count));
  pool.fill(0, poolUsed, poolUsed + count);
  poolUsed += count;
  return bytes;
}

/** Crockford's alphabet in lower case: no i, l, o, u; sorts as its numbers do. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUE_OF = new Map([...ALPHABET].map((character, value) => [character, value]));

const SEQ_LENGTH = 11;
const INSTANCE_LENGTH = 4;
const ORDINAL_LENGTH = 3;

/** The most destinations that one event can have: what the three characters of a delivery's ordinal hold. */
export const MAX_ORDINAL = 32 ** ORDINAL_LENGTH - 1;

/** A new random id such as `des_01k9...`: ten characters of milliseconds, sixteen (80 bits) of chance. */
export function newId(prefix: string, nowMs: number, random: Random): string {
  return `${prefix}_${encodeNumber(nowMs, 10)}${randomText(16, random)}`;
}

/** A random UUID (RFC 9562, version 4), 36 characters. */
export function newUuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The four characters that mark one database's ids; made once, when the database is created. */
export function newInstanceMark(random: Random): string {
  return randomText(INSTANCE_LENGTH, random);
}

export interface DeliveryNumber {
  readonly seq: number;
  /** Place among the event's destinations, from 0. */
  readonly ordinal: number;
}

/** Spells the numbers of one database as ids, and reads them back (`undefined` for what is not such an id). */
export interface IdCodec {
  eventId(seq: number): string;
  deliveryId(delivery: DeliveryNumber): string;
  attemptId(seq: number): string;
  parseEventId(id: string): number | undefined;
  parseDeliveryId(id: string): DeliveryNumber | undefined;
  parseAttemptId(id: string): number | undefined;
}

export function createIdCodec(instanceMark: string): IdCodec {
  const spell = (prefix: string, seq: number) =>
    prefix + encodeNumber(seq, SEQ_LENGTH) + instanceMark;
  const read = (prefix: string, id: string, tail: number): number | undefined => {
    const markAt = prefix.length + SEQ_LENGTH;
    if (id.length !== markAt + INSTANCE_LENGTH + tail || !id.startsWith(prefix)) return undefined;
    if (!id.startsWith(instanceMark, markAt)) return undefined;
    return decodeNumber(id.slice(prefix.length, markAt));
  };
  return {
    eventId: (seq) => spell('evt_', seq),
    deliveryId: ({ seq, ordinal }) => spell('dlv_', seq) + encodeNumber(ordinal, ORDINAL_LENGTH),
    attemptId: (seq) => spell('att_', seq),
    parseEventId: (id) => read('evt_', id, 0),
    parseDeliveryId: (id) => {
      const seq = read('dlv_', id, ORDINAL_LENGTH);
      const ordinal = decodeNumber(id.slice(-ORDINAL_LENGTH));
      return seq === undefined || ordinal === undefined ? undefined : { seq, ordinal };
    },
    parseAttemptId: (id) => read('att_', id, 0),
  };
}

function encodeNumber(value: number, length: number): string {
  // Two halves of at most 30 bits: bit operations are several times cheaper than division of large numbers.
  let text = '';
  let low = value % 0x4000_0000;
  let high = (value - low) / 0x4000_0000;
  for (let index = 0; index < length; index++) {
    if (index < 6) {
      text = ALPHABET.charAt(low & 31) + text;
      low >>>= 5;
    } else {
      text = ALPHABET.charAt(high & 31) + text;
      high >>>= 5;
    }
  }
  return text;
}

function decodeNumber(text: string): number | undefined {
  let value = 0;
  for (const character of text) {
    const digit = VALUE_OF.get(character);
    if (digit === undefined) return undefined;
    value = value * 32 + digit;
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

function randomText(length: number, random: Random): string {
  let text = '';
  for (const byte of random.bytes(length)) text += ALPHABET.charAt(byte & 31);
  return text;
}
