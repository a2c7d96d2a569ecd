/** What the database has when all is over, and what the API counts of it. */
import type pg from 'pg';
import type { Api } from '../support/e2e-api.ts';
import type { Counts } from './checks.ts';
import type { AttemptRow, DeliveryRow, Records } from './ledger.ts';

/** What they are told apart by. */
const NUMBER = "(convert_from(events.data, 'UTF8')::json ->> 'n')::integer AS n";
const EVENTS = `SELECT ${NUMBER} FROM events`;
const TOTALS = `
  SELECT (SELECT count(*)::integer FROM attempts) AS attempts, (SELECT count(*)::integer FROM events) AS events`;
const DELIVERIES = `
  SELECT tenants.id || '/' || destinations.id AS destination, ${NUMBER}, 
         (ARRAY['pending', 'delivered', 'failed', 'canceled'])[status + 1] AS status, attempts,
         claimed_by <> 0 AS "isClaimed"
  FROM deliveries
  JOIN events ON events.tenant_no = deliveries.tenant_no AND events.seq = event_seq
  JOIN tenants ON tenants.no = deliveries.tenant_no
  JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no`;
const ATTEMPTS = `
  SELECT tenants.id || '/' || destinations.id AS destination, ${NUMBER}, number, reason IS NULL AS "isDelivered"
  FROM attempts
  JOIN events ON events.tenant_no = attempts.tenant_no AND events.seq = event_seq
  JOIN tenants ON tenants.no = attempts.tenant_no
  JOIN destinations ON destinations.tenant_no = attempts.tenant_no AND destinations.no = destination_no`;
const PENDING = 'SELECT count(*)::integer AS count FROM deliveries WHERE status = 0';
const BY_DAY = `
  SELECT to_char(to_timestamp(started_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
         tenants.id || '/' || destinations.id AS destination, count(*)::integer AS count
  FROM attempts
  JOIN tenants ON tenants.no = attempts.tenant_no
  JOIN destinations ON destinations.tenant_no = attempts.tenant_no AND destinations.no = destination_no
  GROUP BY 1, 2`;

export async function readRecords(client: pg.Client): Promise<Records> {
  const events = await client.query<{ n: number }>(EVENTS);
  const deliveries = await client.query<DeliveryRow>(DELIVERIES);
  const attempts = await client.query<AttemptRow>(ATTEMPTS);
  return {
    events: events.rows.map(({ n }) => n),
    deliveries: deliveries.rows,
    attempts: attempts.rows,
  };
}

export async function countPending(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(PENDING);
  return rows[0]?.count ?? 0;
}

const STUCK = `
  SELECT tenants.id || '/' || destinations.id AS destination, claimed_by, count(*)::integer AS pending,
         min(event_seq) AS first_seq, min(next_attempt_ms) AS next_attempt_ms,
         (SELECT owner FROM lanes WHERE lanes.tenant_no = deliveries.tenant_no
            AND lanes.destination_no = deliveries.destination_no) AS owner
  FROM deliveries
  JOIN tenants ON tenants.no = deliveries.tenant_no
  JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no
  WHERE status = 0
  GROUP BY 1, 2, deliveries.tenant_no, deliveries.destination_no`;

/** To look at, where something is stuck: what is pending and whose it is, and the nodes. */
export async function readStuck(client: pg.Client): Promise<object> {
  const [lanes, nodes] = [
    await client.query(STUCK),
    await client.query('SELECT *, lease_until > clock_timestamp() AS lives FROM nodes'),
  ];
  return { atMs: Date.now(), lanes: lanes.rows, nodes: nodes.rows };
}

export interface Counted {
  /** Attempts by day and destination: the rows, and what `GET /usage` says. */
  readonly attempts: Counts;
  readonly usage: Counts;
  /** Attempts and events in all: the rows, and what `GET /metrics/...` says. */
  readonly rows: Counts;
  readonly metrics: Counts;
}

export async function readCounted(client: pg.Client, api: Api): Promise<Counted> {
  const { rows } = await client.query<{ day: string; destination: string; count: number }>(BY_DAY);
  const totals = await client.query<{ attempts: number; events: number }>(TOTALS);
  const csv = await api.ok<string>(
    'GET',
    '/api/v1/usage?format=csv&from=2020-01-01&dimension=destination',
  );
  const usage = csv.trimEnd().split('\n').slice(1);
  return {
    attempts: Object.fromEntries(
      rows.map(({ day, destination, count }) => [`${day} ${destination}`, count]),
    ),
    usage: Object.fromEntries(
      usage.map((line) => {
        const [day, tenant, destination, , , count] = line.split(',');
        return [`${day} ${tenant}/${destination}`, Number(count)];
      }),
    ),
    rows: { ...totals.rows[0] },
    metrics: { attempts: await total(api, 'attempts'), events: await total(api, 'events') },
  };
}

async function total(api: Api, what: 'attempts' | 'events'): Promise<number> {
  const day = 24 * 60 * 60 * 1000;
  const [start, end] = [Date.now() - day, Date.now() + day].map((ms) => new Date(ms).toISOString());
  const query = `time[start]=${start}&time[end]=${end}&measures=count`;
  const { data } = await api.ok<{ data: { metrics: { count: number } }[] }>(
    'GET',
    `/api/v1/metrics/${what}?${query}`,
  );
  return data.reduce((sum, { metrics }) => sum + metrics.count, 0);
}
