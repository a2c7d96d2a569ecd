/** Numbers of tenants and their destinations: what a publish names by ids. */
import type { Session } from './session.ts';

export interface TenantNumbers {
  readonly no: number;
  readonly routingVersion: number;
  /** Numbers of its destinations by id. */
  readonly destinations: ReadonlyMap<string, number>;
}

const MAX_KEPT = 10_000;

const TENANTS = 'SELECT no, id, routing_version FROM tenants WHERE id = ANY($1)';
const DESTINATIONS = `
  SELECT tenant_no, no, id FROM destinations WHERE tenant_no = ANY($1) AND deleted_ms IS NULL`;

/** The versions are read each time; the destinations only where a version is not the one that is kept. */
export class Routes {
  readonly #known = new Map<number, TenantNumbers>();

  async tenant(session: Session, id: string): Promise<TenantNumbers | undefined> {
    return (await this.tenants(session, [id])).get(id);
  }

  async tenants(session: Session, ids: readonly string[]): Promise<Map<string, TenantNumbers>> {
    const rows = (await session.rows(TENANTS, ids)).map((row) => ({
      no: Number(row['no']),
      id: String(row['id']),
      routingVersion: Number(row['routing_version']),
    }));
    const moved = rows.filter(
      ({ no, routingVersion }) => this.#known.get(no)?.routingVersion !== routingVersion,
    );
    const read = await this.#read(session, moved);
    const found = new Map<string, TenantNumbers>();
    for (const { no, id } of rows) {
      const numbers = read.get(no) ?? this.#known.get(no);
      if (numbers !== undefined) found.set(id, numbers);
    }
    return found;
  }

  /** After a rollback: what was read in the transaction may never have been. */
  forget(): void {
    this.#known.clear();
  }

  async #read(
    session: Session,
    tenants: readonly { readonly no: number; readonly routingVersion: number }[],
  ): Promise<Map<number, TenantNumbers>> {
    const read = new Map<number, TenantNumbers>();
    if (tenants.length === 0) return read;
    const rows = await session.rows(
      DESTINATIONS,
      tenants.map(({ no }) => no),
    );
    const byTenant = Map.groupBy(rows, (row) => Number(row['tenant_no']));
    if (this.#known.size + tenants.length > MAX_KEPT) this.#known.clear();
    for (const { no, routingVersion } of tenants) {
      const pairs = (byTenant.get(no) ?? []).map(
        (row) => [String(row['id']), Number(row['no'])] as const,
      );
      const numbers = { no, routingVersion, destinations: new Map(pairs) };
      read.set(no, numbers);
      this.#known.set(no, numbers);
    }
    return read;
  }
}
