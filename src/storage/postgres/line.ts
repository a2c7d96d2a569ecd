/**
 * A connection for the time of one transaction. Statements go out as they come, without waiting for each other's answers:
 * the connection is in pipeline mode (PostgreSQL manual, 32.5), and answers come in order. What fails makes all that was
 * sent behind it fail, and the commit a rollback.
 */
import type { ClientBase, QueryResult } from 'pg';
import type { Prepared } from './prepared.ts';

export class Line {
  readonly #client: ClientBase;
  readonly #begun: Promise<readonly QueryResult[]>;
  readonly #sent: Promise<unknown>[] = [];
  readonly #prepared: Prepared | null;

  /** `begin`: several statements, in one round trip. `prepared`: those that follow are always the same ones. */
  constructor(client: ClientBase, begin: string, prepared: Prepared | null) {
    this.#client = client;
    this.#prepared = prepared;
    // Several statements have several results.
    this.#begun = client.query(begin).then((results: unknown) => [results].flat() as QueryResult[]);
    this.#later(this.#begun);
  }

  /** What the statements have given that the transaction began with. */
  get begun(): Promise<readonly QueryResult[]> {
    return this.#begun;
  }

  query<Row extends object>(sql: string, values: unknown[]): Promise<QueryResult<Row>> {
    const name = this.#prepared?.nameOf(sql);
    return name === undefined
      ? this.#client.query<Row>(sql, values)
      : this.#client.query<Row>({ name, text: sql, values });
  }

  /** Nobody waits for its answer but the commit. */
  send(sql: string, values: unknown[]): void {
    this.#later(this.query(sql, values));
  }

  /** Rejects where anything has failed. */
  async commit(): Promise<void> {
    await Promise.all([...this.#sent, this.#client.query('COMMIT')]);
  }

  #later(answer: Promise<unknown>): void {
    // Who commits hears of it; who does not commit has another error.
    answer.catch(() => undefined);
    this.#sent.push(answer);
  }
}
