/** The numbers of request shapes, kept in memory: nearly every attempt has one that was written before. */
import type { RequestShape } from '../../domain/attempt.ts';
import type { Session } from './session.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_KEPT = 10_000;
const INSERT = `
  INSERT INTO request_shapes (day, url, headers, payload)
  SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])
  RETURNING no, url, headers, payload`;

export class RequestShapes {
  readonly #numbers = new Map<string, number>();
  #day = 0;

  /** The number of each; those that are not there yet are written. */
  async numbers(session: Session, shapes: readonly RequestShape[]): Promise<number[]> {
    const day = Math.floor(session.clock.nowMs() / DAY_MS);
    if (day !== this.#day || this.#numbers.size >= MAX_KEPT) this.forget();
    this.#day = day;
    const missing = new Map<string, RequestShape>();
    for (const shape of shapes) {
      const key = keyOf(shape);
      if (!this.#numbers.has(key)) missing.set(key, shape);
    }
    if (missing.size > 0) await this.#insert(session, day, [...missing.values()]);
    return shapes.map((shape) => {
      const no = this.#numbers.get(keyOf(shape));
      if (no === undefined) throw new Error('a request shape is not there after it was written');
      return no;
    });
  }

  /** Also after a rollback: what was written in the transaction is gone. */
  forget(): void {
    this.#numbers.clear();
  }

  async #insert(session: Session, day: number, shapes: readonly RequestShape[]): Promise<void> {
    const rows = await session.rows(
      INSERT,
      day,
      shapes.map(({ url }) => url),
      shapes.map(({ headers }) => headers),
      shapes.map(({ payload }) => payload),
    );
    for (const row of rows) {
      const [url, headers, payload] = [row['url'], row['headers'], row['payload']].map(String);
      this.#numbers.set(
        keyOf({ url: url ?? '', headers: headers ?? '', payload: payload ?? '' }),
        Number(row['no']),
      );
    }
  }
}

function keyOf({ url, headers, payload }: RequestShape): string {
  return `${url}\n${payload}\n${headers}`;
}
