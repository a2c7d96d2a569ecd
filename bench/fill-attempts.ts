/**
 * Fills a database with attempts of the last days, in SQL, and counts them with the roll-up of the server. The database
 * belongs to no running server. Attempts are spread evenly over time, destinations and topics; one in ten failed.
 */
import { systemClock } from '../src/domain/clock.ts';
import { systemRandom } from '../src/domain/id.ts';
import { openInlineDatabase, openInlineStorage } from '../src/storage/sqlite/inline.ts';
import { partOptions, tell } from './part.ts';

export interface FillAttemptsOptions {
  readonly databasePath: string;
  readonly attempts: number;
}

export interface FilledAttempts {
  readonly fillSeconds: number;
  readonly rollUpSeconds: number;
  readonly rows: number;
}

const DAYS = 7;
const TOPICS = 10;
const CHUNK = 100_000;
const SLICE_ROWS = 5000;

const { databasePath, attempts } = partOptions() as FillAttemptsOptions;
const open = openInlineDatabase({ path: databasePath, maxBytes: null });
const { db } = open;
db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -131072');

// A server that took its time has counted already what was there: what comes in before that would never be counted.
db.exec(`
  DELETE FROM attempt_rollups;
  DELETE FROM event_rollups;
  UPDATE rollup_progress SET from_seq = 0, to_seq = 0, after_key = ''`);

const startMs = performance.now();
const startUs = (Date.now() - DAYS * 24 * 60 * 60 * 1000) * 1000;
const stepUs = Math.floor((DAYS * 24 * 60 * 60 * 1e6) / (attempts + TOPICS));
// The topic of an attempt is that of its event.
const addEvent = db.prepare(`
  INSERT INTO events (seq, tenant_no, topic, time_ms, eligible_for_retry, data)
  VALUES (?, (SELECT min(no) FROM tenants), ?, ?, 1, x'7b7d')`);
for (let topic = 0; topic < TOPICS; topic++)
  addEvent.run(startUs + topic, `topic.${topic}`, Math.floor(startUs / 1000));
const fill = db.prepare(`
  WITH RECURSIVE
    places AS (SELECT row_number() OVER (ORDER BY no) - 1 AS place, no, tenant_no FROM destinations),
    numbers (n) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2),
    turns AS (SELECT n, (n * 2654435761) % 4294967296 AS chance FROM numbers)
  INSERT INTO attempts (seq, event_seq, ordinal, tenant_no, destination_no, number, kind, started_ms, reason, total_us,
                        shape_no, request_headers, response_status, truncated)
  SELECT ${startUs} + ${TOPICS} + n * ${stepUs}, ${startUs} + chance / 1000 % ${TOPICS}, 0, tenant_no, no,
         1 + (chance % 10 = 0), iif(chance % 10 = 0, 'retry', 'first'), (${startUs} + n * ${stepUs}) / 1000,
         iif(chance % 10 = 0, 'http_status', NULL), 1000 + chance % 200000, 0, '',
         iif(chance % 10 = 0, 500, 200), 0
  FROM turns JOIN places ON place = chance / 7 % (SELECT count(*) FROM places)`);
for (let from = 0; from < attempts; from += CHUNK) {
  fill.run(from, Math.min(attempts, from + CHUNK));
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}
const filledMs = performance.now();

const storage = openInlineStorage(open, systemClock, systemRandom);
for (let slices = 0; (await storage.rollUpSlice({ limit: SLICE_ROWS })).more; slices++)
  if (slices % 100 === 0) db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
const rows = Number(db.prepare('SELECT count(*) AS count FROM attempt_rollups').get()?.['count']);
open.close();
tell({
  fillSeconds: (filledMs - startMs) / 1000,
  rollUpSeconds: (performance.now() - filledMs) / 1000,
  rows,
} satisfies FilledAttempts);
