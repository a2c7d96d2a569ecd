/** The numbers of request shapes, kept in memory: nearly every attempt has one that was written before. */
import type { StatementSync } from 'node:sqlite';
import type { Clock } from '../../domain/clock.ts';
import type { RequestShape } from '../../domain/attempt.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_KEPT = 10_000;
const INSERT =
  'INSERT INTO request_shapes (day, url, headers, payload, tenant_no) VALUES (?, ?, ?, ?, ?)';

export class RequestShapes {
  readonly #clock: Clock;
  readonly #statement: (sql: string) => StatementSync;
  readonly #numbers = new Map<string, number>();
  #day = 0;
  #last: RequestShape | null = null;
  #lastTenantNo = 0;
  #lastNo = 0;

  constructor(clock: Clock, statement: (sql: string) => StatementSync) {
    this.#clock = clock;
    this.#statement = statement;
  }

  /** Of requests of that tenant: the shapes of a tenant go with it, and no other may use them. */
  no(shape: RequestShape, tenantNo: number): number {
    const day = Math.floor(this.#clock.nowMs() / DAY_MS);
    if (day !== this.#day || this.#numbers.size >= MAX_KEPT) this.forget();
    this.#day = day;
    if (shape === this.#last && tenantNo === this.#lastTenantNo) return this.#lastNo;
    const key = `${tenantNo}\n${shape.url}\n${shape.payload}\n${shape.headers}`;
    let no = this.#numbers.get(key);
    if (no === undefined) {
      const { url, headers, payload } = shape;
      no = Number(
        this.#statement(INSERT).run(day, url, headers, payload, tenantNo).lastInsertRowid,
      );
      this.#numbers.set(key, no);
    }
    this.#last = shape;
    this.#lastTenantNo = tenantNo;
    this.#lastNo = no;
    return no;
  }

  forget(): void {
    this.#numbers.clear();
    this.#last = null;
  }
}
