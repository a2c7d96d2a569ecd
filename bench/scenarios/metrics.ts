/** How long a question for metrics takes, asked over HTTP, with so many attempts in store. */
import { statSync } from 'node:fs';
import { createTenants, publishOne } from '../api.ts';
import type { Bench, Row, Scenario } from '../bench.ts';
import { runPart } from '../children.ts';
import { medianOf } from '../figures.ts';
import type { FillAttemptsOptions, FilledAttempts } from '../fill-attempts.ts';
import { Ledger } from '../ledger.ts';
import type { Server } from '../server.ts';

const TENANTS = 100;
const REPETITIONS = 5;
const HOUR_MS = 60 * 60 * 1000;
const TARGET_MS = 100;

export const metrics: Scenario = {
  name: 'metrics',
  about: 'questions for metrics with half a million attempts in store',
  run: (bench) => measure(bench, bench.options.count ?? 500_000),
};

export const manyMetrics: Scenario = {
  name: 'metrics-10m',
  about: 'questions for metrics with ten million attempts in store',
  isLong: true,
  run: (bench) => measure(bench, bench.options.count ?? 10_000_000),
};

async function measure(bench: Bench, attempts: number) {
  const first = await bench.startServer();
  const tenantIds = await createTenants(first, TENANTS, bench.receiver.origin);
  await publishOne(first, tenantIds[0] ?? '');
  const ledger = new Ledger(first.databasePath);
  await ledger.untilDelivered();
  ledger.close();
  await first.stop();
  const options: FillAttemptsOptions = { databasePath: first.databasePath, attempts };
  const filled = await runPart<FilledAttempts>('fill-attempts.ts', options);
  const server = await bench.startServer();

  const rows: Row[] = [];
  const counted: number[] = [];
  for (const [metric, question] of questions(tenantIds[0] ?? '')) {
    const times: number[] = [];
    for (let left = bench.repetitions(REPETITIONS); left > 0; left--) {
      const startMs = performance.now();
      counted.push(await ask(server, question));
      times.push(performance.now() - startMs);
    }
    const measured = medianOf(times);
    rows.push({ metric, measured, unit: 'ms', bare: null, target: { atMost: TARGET_MS } });
  }
  await server.stop();
  const gibibytes = statSync(server.databasePath).size / 1024 ** 3;
  // The week of the first question ends now, and began a little after the oldest attempt.
  const share = (counted[0] ?? 0) / attempts;
  return {
    rows,
    notes: [
      `filled in ${filled.fillSeconds.toFixed(0)} s, counted in ${filled.rollUpSeconds.toFixed(0)} s ` +
        `(${((filled.rollUpSeconds / attempts) * 1e6).toFixed(1)} us an attempt) into ${filled.rows} rows; ${gibibytes.toFixed(2)} GiB`,
    ],
    faults: share > 0.99 && share < 1.01 ? [] : [`${counted[0]} of ${attempts} attempts counted`],
  };
}

function questions(tenantId: string): [string, string][] {
  const nowMs = Date.now();
  const since = (hours: number) => {
    const start = new Date(nowMs - hours * HOUR_MS).toISOString();
    return `time[start]=${start}&time[end]=${new Date(nowMs).toISOString()}`;
  };
  const latencies = 'measures=latency_p50&measures=latency_p95&measures=latency_p99';
  const owner = `filters[tenant_id]=${tenantId}`;
  return [
    [
      'all tenants, a week by the hour, p99',
      `${since(168)}&granularity=1h&measures=count&${latencies}`,
    ],
    ['by tenant, a week', `${since(168)}&measures=count&measures=error_rate&dimensions=tenant_id`],
    ['by code, a week by the day', `${since(168)}&granularity=1d&measures=count&dimensions=code`],
    [
      'a tenant, a week by the hour, p99',
      `${since(168)}&granularity=1h&measures=count&${latencies}&${owner}`,
    ],
    [
      'a tenant by topic and status, a week by the hour',
      `${since(168)}&granularity=1h&measures=count&dimensions=topic&dimensions=status&${owner}`,
    ],
    [
      'a tenant, a day by 5 minutes, p99',
      `${since(24)}&granularity=5m&measures=count&${latencies}&${owner}`,
    ],
    [
      'a tenant by code, a year by the day',
      `${since(8784)}&granularity=1d&measures=count&dimensions=code&${owner}`,
    ],
  ];
}

/** How many attempts are counted, all told. */
async function ask(server: Server, question: string): Promise<number> {
  const response = await fetch(`${server.origin}/api/v1/metrics/attempts?${question}`, {
    headers: server.headers,
  });
  if (!response.ok) throw new Error(`${question}: ${response.status} ${await response.text()}`);
  // Of the shape that the API documents.
  const { data } = (await response.json()) as { data: { metrics: { count: number } }[] };
  return data.reduce((sum, { metrics: { count } }) => sum + count, 0);
}
