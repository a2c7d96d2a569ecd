/** The numbers of request shapes, kept in memory: nearly every attempt has one that was written before. */
import type { RequestShape } from '../../domain/attempt.ts';
import { byTenant } from './by-tenant.ts';
import type { Session } from './session.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_KEPT = 10_000;
const INSERT = `
  INSERT INTO request_shapes (day, tenant_no, url, headers, payload)
  SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[])
  RETURNING no, tenant_no, url, headers, payload`;

/** Of requests of that tenant: the shapes of a tenant go with it, and no other may use them. */
export type TenantShape = RequestShape & { readonly tenantNo: number };

export class RequestShapes {
  readonly #numbers = new Map<string, number>();
  #day = 0;

  /** The number of each; those that are not there yet are written. */
  async numbers(session: Session, shapes: readonly TenantShape[]): Promise<number[]> {
    const day = Math.floor(session.clock.nowMs() / DAY_MS);
    if (day !== this.#day || this.#numbers.size >= MAX_KEPT) this.forget();
    this.#day = day;
    const missing = new Map<string, TenantShape>();
    for (const shape of shapes) {
      const key = keyOf(shape);
      if (!this.#numbers.has(key)) missing.set(key, shape);
    }
    for (const part of byTenant(session, [...missing.values()], ({ tenantNo }) => tenantNo))
      await this.#insert(session, day, part);
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

  async #insert(session: Session, day: number, shapes: readonly TenantShape[]): Promise<void> {
    const rows = await session.rows(
      INSERT,
      day,
      shapes.map(({ tenantNo }) => tenantNo),
      shapes.map(({ url }) => url),
      shapes.map(({ headers }) => headers),
      shapes.map(({ payload }) => payload),
    );
    for (const row of rows) {
      const [url, headers, payload] = [row['url'], row['headers'], row['payload']].map(String);
      this.#numbers.set(
        keyOf({
          tenantNo: Number(row['tenant_no']),
          url: url ?? '',
          headers: headers ?? '',
          payload: payload ?? '',
        }),
        Number(row['no']),
      );
    }
  }
}

function keyOf({ tenantNo, url, headers, payload }: TenantShape): string {
  return `${tenantNo}\n${url}\n${payload}\n${headers}`;
}
