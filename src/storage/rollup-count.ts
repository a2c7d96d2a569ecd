/**
 * Counts a range of events and attempts into rows of the roll-ups. The same range gives the same rows in the same order,
 * whenever it is read: nothing above the mark of what is counted is ever changed or dropped. So a range that was half
 * written when the process died is read again, and goes on after the row that was written last.
 */
import { attemptCode, FAILURE_REASONS } from '../domain/attempt.ts';
import { DAY_S, HOUR_S, MINUTE_S } from '../domain/granularity.ts';
import { encodeLatencies } from '../domain/latency-histogram.ts';

export const WIDTHS_S = [MINUTE_S, HOUR_S, DAY_S] as const;
export const CUBES = { tenant: 0, destination: 1, everything: 2 } as const;

export interface EventRollup {
  readonly key: string;
  readonly widthS: number;
  readonly startS: number;
  readonly tenantNo: number;
  readonly destinationNo: number;
  readonly topic: string;
  readonly count: number;
}

export interface AttemptRollup {
  readonly key: string;
  readonly widthS: number;
  readonly cube: number;
  readonly startS: number;
  readonly tenantNo: number;
  readonly destinationNo: number;
  readonly topic: string;
  readonly code: string;
  readonly failed: number;
  readonly manual: number;
  readonly number: number;
  readonly count: number;
  readonly failedCount: number;
  readonly firstCount: number;
  readonly manualCount: number;
  readonly numberSum: number;
  readonly latency: Uint8Array;
}

type Row = Record<string, unknown>;

/** Sorted by key. Rows by tenant, destination (0: the events themselves), topic and minute, with their count. */
export function countEvents(rows: readonly Row[]): EventRollup[] {
  const counts = new Map<string, EventRollup & { count: number }>();
  for (const row of rows) {
    const tenantNo = Number(row['tenant_no']);
    const destinationNo = Number(row['destination_no']);
    const topic = String(row['topic']);
    const more = Number(row['count']);
    for (const widthS of WIDTHS_S) {
      const startS = startOf(Number(row['start_s']), widthS);
      const key = `${widthS} ${startS} ${tenantNo} ${destinationNo} ${topic}`;
      const found = counts.get(key);
      if (found !== undefined) found.count += more;
      else counts.set(key, { key, widthS, startS, tenantNo, destinationNo, topic, count: more });
    }
  }
  return [...counts.values()].sort(byKey);
}

/** Attempts that are counted together. */
interface AttemptCell extends Omit<
  AttemptRollup,
  'key' | 'latency' | 'count' | 'failedCount' | 'firstCount' | 'manualCount' | 'numberSum'
> {
  count: number;
  failedCount: number;
  firstCount: number;
  manualCount: number;
  numberSum: number;
  readonly latencies: Map<number, number>;
}

/**
 * Sorted by key. Rows by tenant, destination, topic, minute, reason, status of the answer, whether it was asked for, number
 * (up to so many) and bucket of latency, with their count, that of first ones and the sum of numbers.
 */
export function countAttempts(rows: readonly Row[]): AttemptRollup[] {
  const minutes = new Map<string, AttemptCell>();
  for (const row of rows) {
    const kind = kindOf(row);
    const cell = cellFor(minutes, kind, CUBES.everything, MINUTE_S);
    const count = Number(row['count']);
    const bucket = Number(row['bucket']);
    cell.count += count;
    cell.failedCount += kind.failed * count;
    cell.firstCount += Number(row['first_count']);
    cell.manualCount += kind.manual * count;
    cell.numberSum += Number(row['number_sum']);
    cell.latencies.set(bucket, (cell.latencies.get(bucket) ?? 0) + count);
  }
  const cells = new Map<string, AttemptCell>();
  for (const minute of minutes.values()) {
    for (const widthS of WIDTHS_S) {
      for (const cube of Object.values(CUBES)) addTo(cellFor(cells, minute, cube, widthS), minute);
    }
  }
  return Array.from(cells, ([key, { latencies, ...cell }]) => ({
    ...cell,
    key,
    latency: encodeLatencies(latencies),
  })).sort(byKey);
}

/** In what attempts may be alike. */
type AttemptKind = Pick<
  AttemptRollup,
  'startS' | 'tenantNo' | 'destinationNo' | 'topic' | 'code' | 'failed' | 'manual' | 'number'
>;

function kindOf(row: Row): AttemptKind {
  const reason = FAILURE_REASONS.find((known) => known === row['reason']) ?? null;
  const status = row['response_status'] === null ? null : Number(row['response_status']);
  return {
    startS: Number(row['start_s']),
    tenantNo: Number(row['tenant_no']),
    destinationNo: Number(row['destination_no']),
    topic: String(row['topic']),
    code: attemptCode(reason, status),
    failed: reason === null ? 0 : 1,
    manual: Number(row['manual']),
    number: Number(row['number']),
  };
}

/** The cell of a cube that attempts of that kind are counted in; made where there is none. */
function cellFor(
  cells: Map<string, AttemptCell>,
  kind: AttemptKind,
  cube: number,
  widthS: number,
): AttemptCell {
  const startS = startOf(kind.startS, widthS);
  const { tenantNo, topic, code, failed, manual, number } = kind;
  const destinationNo = cube === CUBES.tenant ? 0 : kind.destinationNo;
  const isEverything = cube === CUBES.everything;
  const rest = isEverything ? ` ${code} ${failed} ${manual} ${number} ${topic}` : '';
  const key = `${widthS} ${cube} ${startS} ${tenantNo} ${destinationNo}${rest}`;
  let cell = cells.get(key);
  if (cell === undefined) {
    const told = isEverything ? { topic, code, failed, manual, number } : NOT_TOLD_APART;
    const head = { widthS, cube, startS, tenantNo, destinationNo };
    cell = { ...head, ...told, ...NOTHING_COUNTED, latencies: new Map() };
    cells.set(key, cell);
  }
  return cell;
}

const NOT_TOLD_APART = { topic: '', code: '', failed: 0, manual: 0, number: 0 };
const NOTHING_COUNTED = { count: 0, failedCount: 0, firstCount: 0, manualCount: 0, numberSum: 0 };

function addTo(cell: AttemptCell, other: AttemptCell): void {
  cell.count += other.count;
  cell.failedCount += other.failedCount;
  cell.firstCount += other.firstCount;
  cell.manualCount += other.manualCount;
  cell.numberSum += other.numberSum;
  for (const [bucket, count] of other.latencies)
    cell.latencies.set(bucket, (cell.latencies.get(bucket) ?? 0) + count);
}

function startOf(timeS: number, widthS: number): number {
  return Math.floor(timeS / widthS) * widthS;
}

function byKey(one: { readonly key: string }, other: { readonly key: string }): number {
  if (one.key === other.key) return 0;
  return one.key < other.key ? -1 : 1;
}
