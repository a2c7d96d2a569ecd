/** What the numbers in the roll-ups stand for. */
import type { AttemptDimension } from '../../domain/metrics.ts';
import type { Session } from './session.ts';

const NAMES: Partial<Record<AttemptDimension, string>> = {
  tenant_id: 'SELECT no, id AS name FROM tenants WHERE no = ANY($1)',
  destination_id: 'SELECT no, id AS name FROM destinations WHERE no = ANY($1)',
  destination_type: 'SELECT no, type AS name FROM destinations WHERE no = ANY($1)',
  topic: 'SELECT no, topic AS name FROM rollup_topics WHERE no = ANY($1)',
};

/** Asks for the names of all values of a dimension at once. */
export class MetricsNames {
  readonly #session: Session;
  readonly #known = new Map<AttemptDimension, Map<number, string>>();

  constructor(session: Session) {
    this.#session = session;
  }

  async learn(dimension: AttemptDimension, values: readonly unknown[]): Promise<void> {
    const sql = NAMES[dimension];
    if (sql === undefined) return;
    const names = this.#known.get(dimension) ?? new Map<number, string>();
    this.#known.set(dimension, names);
    const wanted = [...new Set(values.map(Number))].filter((no) => !names.has(no));
    if (wanted.length === 0) return;
    for (const row of await this.#session.rows(sql, wanted))
      names.set(Number(row['no']), String(row['name']));
  }

  /** `null`: it is gone. */
  of(dimension: AttemptDimension, value: unknown): string | null {
    switch (dimension) {
      case 'status':
        return value === 1 ? 'failed' : 'success';
      case 'manual':
        return value === 1 ? 'true' : 'false';
      case 'code':
      case 'attempt_number':
        return String(value);
      case 'tenant_id':
      case 'destination_id':
      case 'destination_type':
      case 'topic':
        return this.#known.get(dimension)?.get(Number(value)) ?? null;
    }
  }
}

const DESTINATIONS = `
  SELECT destinations.no, tenant_no FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE (cardinality($1::text[]) = 0 OR tenants.id = ANY($1))
    AND (cardinality($2::text[]) = 0 OR destinations.id = ANY($2))
    AND (cardinality($3::text[]) = 0 OR type = ANY($3))`;

/** Those of all filters that are given; deleted ones too. */
export async function destinationsOf(
  session: Session,
  filters: {
    readonly tenantIds: readonly string[];
    readonly destinationIds: readonly string[];
    readonly types: readonly string[];
  },
): Promise<{ readonly no: number; readonly tenantNo: number }[]> {
  const { tenantIds, destinationIds, types } = filters;
  const rows = await session.rows(DESTINATIONS, tenantIds, destinationIds, types);
  return rows.map((row) => ({ no: Number(row['no']), tenantNo: Number(row['tenant_no']) }));
}
