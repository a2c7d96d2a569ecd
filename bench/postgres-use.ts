/** What a load costs a PostgreSQL server: statements, their time, rows written, the log, CPU. */
import type { PostgresLedger } from './postgres-ledger.ts';
import type { Postgres } from './postgres.ts';

export interface DatabaseUse {
  /** All that was sent to it, also BEGIN and COMMIT; NaN where pg_stat_statements is not there. */
  readonly statements: number;
  readonly commits: number;
  /** Planning and executing, as the server counts it. */
  readonly executingMs: number;
  readonly walBytes: number;
  readonly cpuSeconds: number;
  /** The dearest, most of the time first. */
  readonly dearest: readonly StatementUse[];
}

export interface StatementUse {
  readonly sql: string;
  readonly calls: number;
  readonly ms: number;
}

const SHOWN = 8;
/** Of the statements that the bench itself sends to the database. */
const NOT_OURS =
  "query !~ 'pg_stat_statements|pg_wal_lsn_diff|FROM deliveries WHERE status = \\$1|max\\(seq\\) AS seq FROM attempts'";

/** Between a moment and `end`. */
export class UseOfDatabase {
  readonly #postgres: Postgres;
  readonly #ledger: PostgresLedger;
  #walFrom = '';
  #cpuFrom = 0;

  constructor(postgres: Postgres, ledger: PostgresLedger) {
    this.#postgres = postgres;
    this.#ledger = ledger;
  }

  async begin(): Promise<void> {
    await this.#postgres.query('SELECT pg_stat_statements_reset()').catch(() => undefined);
    this.#walFrom = await this.#wal();
    this.#cpuFrom = this.#postgres.cpuSeconds();
  }

  async end(): Promise<DatabaseUse> {
    const cpuSeconds = this.#postgres.cpuSeconds() - this.#cpuFrom;
    const rows = await this.#statements().catch(() => null);
    const sum = (of: (use: StatementUse) => number) =>
      rows === null ? Number.NaN : rows.reduce((total, row) => total + of(row), 0);
    const [wal] = await this.#postgres.query('SELECT pg_wal_lsn_diff($1, $2) AS bytes', [
      await this.#wal(),
      this.#walFrom,
    ]);
    return {
      statements: sum(({ calls }) => calls),
      commits: sum(({ sql, calls }) => (sql === 'COMMIT' ? calls : 0)),
      executingMs: sum(({ ms }) => ms),
      walBytes: Number(wal?.['bytes']),
      cpuSeconds,
      dearest: (rows ?? []).slice(0, SHOWN),
    };
  }

  async #wal(): Promise<string> {
    const [row] = await this.#postgres.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    return String(row?.['lsn']);
  }

  async #statements(): Promise<StatementUse[]> {
    const [database] = await this.#ledger.query(
      'SELECT oid FROM pg_database WHERE datname = current_database()',
    );
    const rows = await this.#postgres.query(
      `SELECT query, sum(calls) AS calls, sum(total_plan_time + total_exec_time) AS ms
       FROM pg_stat_statements WHERE dbid = $1 AND ${NOT_OURS} GROUP BY query ORDER BY ms DESC`,
      [database?.['oid']],
    );
    return rows.map((row) => ({
      sql: String(row['query']).replaceAll(/\s+/g, ' ').trim(),
      calls: Number(row['calls']),
      ms: Number(row['ms']),
    }));
  }
}

/** Of a database since it was made: rows by table. Processes tell theirs when they end, at the latest. */
export interface RowWrites {
  readonly total: number;
  /** `events 1.00, deliveries 2.00 (HOT 0 %), ...`, for each of `count`. */
  readonly note: string;
}

export async function rowWrites(ledger: PostgresLedger, count: number): Promise<RowWrites> {
  const rows = (
    await ledger.query(
      `SELECT relname, n_tup_ins + n_tup_upd + n_tup_del AS written, n_tup_upd AS updated, n_tup_hot_upd AS hot
       FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY 2 DESC`,
    )
  ).map((row) => ({
    table: String(row['relname']),
    written: Number(row['written']),
    updated: Number(row['updated']),
    hot: Number(row['hot']),
  }));
  const note = rows
    .filter(({ written }) => written / count >= 0.001)
    .map(({ table, written, updated, hot }) => {
      const share =
        updated === 0 ? '' : ` (of the updates HOT ${((100 * hot) / updated).toFixed(0)} %)`;
      return `${table} ${(written / count).toFixed(3)}${share}`;
    });
  return {
    total: rows.reduce((sum, { written }) => sum + written, 0),
    note: note.join(', '),
  };
}

export function describeUse(use: DatabaseUse, count: number): string[] {
  const each = (value: number, digits = 1) => (value / count).toFixed(digits);
  return [
    `database, a delivery: ${each(use.statements, 3)} statements, ${each(use.commits, 4)} commits, ${each(use.executingMs * 1000)} us executing, ${each(use.cpuSeconds * 1e6)} us of CPU, ${each(use.walBytes, 0)} bytes of log`,
    ...use.dearest.map(
      ({ sql, calls, ms }) =>
        `${each(ms * 1000).padStart(6)} us, ${each(calls, 4)} calls of ${((ms * 1000) / calls).toFixed(0)} us: ${sql.slice(0, 100)}`,
    ),
  ];
}
