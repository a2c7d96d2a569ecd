/** One connection while an operation has it: its statements, and what all operations of a storage share. */
import type { Clock } from '../../domain/clock.ts';
import type { IdCodec } from '../../domain/id.ts';
import type { Line } from './line.ts';

export type Row = Record<string, unknown>;
type Scalar = string | number | boolean | null | Uint8Array;
export type Value = Scalar | readonly Scalar[];

/** Statements are unnamed, so that a pooler may hand the connection on between two transactions. */
export class Session {
  readonly #line: Line;
  readonly ids: IdCodec;
  readonly clock: Clock;
  /** Number of this start of the node; written into claims. */
  readonly incarnation: number;
  /** On Citus: what locks or writes rows names one tenant by its value (by-tenant.ts). */
  readonly isDistributed: boolean;

  constructor(line: Line, { ids, clock, incarnation, isDistributed }: SessionParts) {
    this.#line = line;
    this.isDistributed = isDistributed;
    this.ids = ids;
    this.clock = clock;
    this.incarnation = incarnation;
  }

  async rows(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    const { rows } = await this.#line.query<Row>(sql, values.map(storable));
    return rows;
  }

  async row(sql: string, ...values: readonly Value[]): Promise<Row | undefined> {
    return (await this.rows(sql, ...values))[0];
  }

  /** How many rows the statement wrote. */
  async run(sql: string, ...values: readonly Value[]): Promise<number> {
    const { rowCount } = await this.#line.query(sql, values.map(storable));
    return rowCount ?? 0;
  }

  /** What comes of it is known when the transaction ends; where it fails, nothing of that is kept. */
  send(sql: string, ...values: readonly Value[]): void {
    this.#line.send(sql, values.map(storable));
  }
}

/**
 * Without the one character that a text of PostgreSQL cannot hold. Where it stands in an id, it names nothing: ids are of
 * visible ASCII.
 */
function storable(value: Value): Value {
  if (typeof value === 'string') return withoutNul(value);
  if (!Array.isArray(value)) return value;
  return value.map((item: Scalar) => (typeof item === 'string' ? withoutNul(item) : item));
}

export function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}

export interface SessionParts {
  readonly ids: IdCodec;
  readonly clock: Clock;
  readonly incarnation: number;
  readonly isDistributed: boolean;
}
