/**
 * A connection for the time of one transaction. Statements go out as they come, without waiting for each other's answers:
 * the connection is in pipeline mode (PostgreSQL manual, 32.5), and answers come in order. What fails makes all that was
 * sent behind it fail, and the commit a rollback.
 */
import type { ClientBase, QueryResult } from 'pg';
import type { Prepared } from './prepared.ts';
import { isAnswer } from './refusal.ts';

export interface LineParts {
  readonly prepared: Prepared | null;
  readonly onAnswer: () => void;
}

export class Line {
  readonly #client: ClientBase;
  readonly #begun: Promise<readonly QueryResult[]>;
  readonly #sent: Promise<unknown>[] = [];
  readonly #prepared: Prepared | null;
  readonly #onAnswer: () => void;
  #failure: unknown = null;
  readonly #onEnd = (error: unknown) => {
    this.#failure ??= error;
  };

  /**
   * `begin`: several statements, in one round trip. `prepared`: those that follow are always the same ones. `onAnswer`: called
   * for each statement that the server has answered.
   */
  constructor(client: ClientBase, begin: string, { prepared, onAnswer }: LineParts) {
    this.#client = client;
    this.#onAnswer = onAnswer;
    // The server may end it between two statements.
    client.on('error', this.#onEnd);
    this.#prepared = prepared;
    // Several statements have several results.
    this.#begun = this.#noting(client.query(begin)).then(
      (results: unknown) => [results].flat() as QueryResult[],
    );
    this.#later(this.#begun);
  }

  /** What the statements have given that the transaction began with. */
  get begun(): Promise<readonly QueryResult[]> {
    return this.#begun;
  }

  /** What failed first, for which all that was sent behind it fails; `null`: nothing. */
  get failure(): unknown {
    return this.#failure;
  }

  query<Row extends object>(sql: string, values: unknown[]): Promise<QueryResult<Row>> {
    const name = this.#prepared?.nameOf(sql);
    return this.#noting(
      name === undefined
        ? this.#client.query<Row>(sql, values)
        : this.#client.query<Row>({ name, text: sql, values }),
    );
  }

  /** Nobody waits for its answer but the commit. */
  send(sql: string, values: unknown[]): void {
    this.#later(this.query(sql, values));
  }

  /** Rejects where anything has failed. */
  async commit(): Promise<void> {
    await Promise.all([...this.#sent, this.#noting(this.#client.query('COMMIT'))]);
  }

  /** The connection is somebody else's from now on. */
  leave(): void {
    this.#client.off('error', this.#onEnd);
  }

  #noting<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return answer.then(
      (result) => {
        this.#onAnswer();
        return result;
      },
      (error: unknown) => {
        if (isAnswer(error)) this.#onAnswer();
        this.#failure ??= error;
        throw error;
      },
    );
  }

  #later(answer: Promise<unknown>): void {
    // Who commits hears of it; who does not commit has another error.
    answer.catch(() => undefined);
    this.#sent.push(answer);
  }
}
