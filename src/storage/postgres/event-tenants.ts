/**
 * Whose the events are that this node has in memory: an attempt names its event by number alone, and every key leads
 * with the tenant. Of those that are not known any more the database is asked.
 */
import type { Session } from './session.ts';

/** Twice as many are kept at most: more than a node has in memory. */
const MAX_RECENT = 25_000;

const TENANTS = 'SELECT seq, tenant_no FROM events WHERE seq = ANY($1::bigint[])';

export class EventTenants {
  #recent = new Map<number, number>();
  #older = new Map<number, number>();

  note(seq: number, tenantNo: number): void {
    if (this.#recent.size >= MAX_RECENT) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(seq, tenantNo);
  }

  /** A transaction was not kept: its numbers may be others' by now. */
  forget(): void {
    this.#recent.clear();
    this.#older.clear();
  }

  /** The tenant of each, in order; `null`: there is no such event. */
  async of(session: Session, seqs: readonly number[]): Promise<(number | null)[]> {
    const found = seqs.map((seq) => this.#recent.get(seq) ?? this.#older.get(seq) ?? null);
    if (!found.includes(null)) return found;
    const missing = seqs.filter((_, index) => found[index] === null);
    for (const row of await session.rows(TENANTS, missing))
      this.note(Number(row['seq']), Number(row['tenant_no']));
    return seqs.map((seq) => this.#recent.get(seq) ?? this.#older.get(seq) ?? null);
  }
}
