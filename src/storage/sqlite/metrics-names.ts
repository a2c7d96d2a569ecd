/** What the numbers in the roll-ups stand for. */
import type { AttemptDimension } from '../../domain/metrics.ts';
import type { ReadContext } from './context.ts';

const NAMES: Partial<Record<AttemptDimension, string>> = {
  tenant_id: 'SELECT id AS name FROM tenants WHERE no = ?',
  destination_id: 'SELECT id AS name FROM destinations WHERE no = ?',
  destination_type: 'SELECT type AS name FROM destinations WHERE no = ?',
  topic: 'SELECT topic AS name FROM rollup_topics WHERE no = ?',
};

/** Asks for each name once. */
export class MetricsNames {
  readonly #context: ReadContext;
  readonly #known = new Map<string, string | null>();

  constructor(context: ReadContext) {
    this.#context = context;
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
        return this.#lookUp(dimension, Number(value));
    }
  }

  #lookUp(dimension: AttemptDimension, no: number): string | null {
    const key = `${dimension} ${no}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const row = this.#context.statement(NAMES[dimension] ?? '').get(no);
    const name = row === undefined ? null : String(row['name']);
    this.#known.set(key, name);
    return name;
  }
}

/** Those of all filters that are given; deleted ones too. */
export function destinationsOf(
  context: ReadContext,
  filters: {
    readonly tenantIds: readonly string[];
    readonly destinationIds: readonly string[];
    readonly types: readonly string[];
  },
): { readonly no: number; readonly tenantNo: number }[] {
  const rows = context
    .statement(
      `SELECT destinations.no, tenant_no FROM destinations JOIN tenants ON tenants.no = tenant_no
       WHERE (json_array_length(?1) = 0 OR tenants.id IN (SELECT value FROM json_each(?1)))
         AND (json_array_length(?2) = 0 OR destinations.id IN (SELECT value FROM json_each(?2)))
         AND (json_array_length(?3) = 0 OR type IN (SELECT value FROM json_each(?3)))`,
    )
    .all(
      JSON.stringify(filters.tenantIds),
      JSON.stringify(filters.destinationIds),
      JSON.stringify(filters.types),
    );
  return rows.map((row) => ({ no: Number(row['no']), tenantNo: Number(row['tenant_no']) }));
}
