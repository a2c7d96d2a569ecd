/**
 * What attempts produced: the attempt's row, and the delivery's next state, where the claim still holds. Nearly every
 * attempt is the first of its delivery, which nobody has canceled meanwhile: those are written by one statement. What it
 * leaves out, and what was attempted before, is looked at row by row.
 */
import type { AttemptRecord, RecordOutcome } from '../storage.ts';
import { attemptCode } from '../../domain/attempt.ts';
import { bigints, booleans, byteas, integers, smallints, texts } from './binary-array.ts';
import { about, byTenant } from './by-tenant.ts';
import { byDay, spanOf } from './days.ts';
import { FIRST_LINE } from './lines.ts';
import { numberOrNull } from './page.ts';
import type { Value } from './session.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

/** What is to be attempted again. */
const lineAfter = (retryLine: string) =>
  `CASE WHEN done.next_attempt_ms IS NULL THEN ${FIRST_LINE} ELSE ${retryLine}::bigint END`;

// `status + 0`: found by its key, and not by the index of what is pending, which a plan for a small table may prefer.
const RECORD_FIRST = `
  WITH recorded AS (
    UPDATE deliveries
    SET status = done.status, holds = done.holds, attempts = done.number, step = done.step, asked_by = 0,
        next_attempt_ms = done.next_attempt_ms, last_code = done.last_code, last_attempt_seq = done.seq,
        claimed_by = ${lineAfter('$29')}, updated_ms = done.seq / 1000
    FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::smallint[], $7::boolean[], $8::integer[],
                $9::bigint[], $10::text[], $11::integer[], $12::text[], $13::bigint[], $14::text[], $15::text[],
                $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::text[],
                $23::integer[], $24::text[], $25::bytea[], $26::boolean[])
      AS done (tenant_no, event_seq, ordinal, seq, status, holds, step, next_attempt_ms, last_code, number, kind,
               started_ms, reason, detail, dns_us, connect_us, tls_us, first_byte_us, total_us, shape_no,
               request_headers, response_status, response_headers, response_body, truncated)
    WHERE deliveries.tenant_no = done.tenant_no AND deliveries.event_seq = done.event_seq
      AND deliveries.ordinal = done.ordinal AND abs(deliveries.claimed_by) = $1
      AND deliveries.status + 0 = ${STATUS_CODE.pending} AND deliveries.last_attempt_seq IS NULL
      AND deliveries.event_seq BETWEEN $27 AND $28
    RETURNING deliveries.tenant_no, done.seq, deliveries.event_seq, deliveries.ordinal, deliveries.destination_no,
              number, kind, started_ms, reason, detail, dns_us, connect_us, tls_us, first_byte_us, total_us, shape_no,
              request_headers, response_status, response_headers, response_body, truncated)
  INSERT INTO attempts (tenant_no, seq, event_seq, ordinal, destination_no, number, kind, started_ms, reason, detail,
                        dns_us, connect_us, tls_us, first_byte_us, total_us, shape_no, request_headers,
                        response_status, response_headers, response_body, truncated)
  SELECT * FROM recorded`;

const RECORDED = `
  SELECT attempts.seq FROM unnest($1::bigint[], $2::bigint[]) AS done (tenant_no, seq)
  JOIN attempts ON attempts.tenant_no = done.tenant_no AND attempts.seq = done.seq
  WHERE attempts.event_seq BETWEEN $3 AND $4`;

const heldSql = (one: string) => `
  SELECT deliveries.tenant_no, deliveries.event_seq, deliveries.ordinal, destination_no, status, holds, attempts, step,
         asked_by,         next_attempt_ms, last_attempt_seq
  FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) AS done (tenant_no, event_seq, ordinal)
  JOIN deliveries ON deliveries.tenant_no = done.tenant_no AND deliveries.event_seq = done.event_seq
                 AND deliveries.ordinal = done.ordinal
  WHERE abs(claimed_by) = $4 AND deliveries.event_seq BETWEEN $5 AND $6 ${one}
  FOR UPDATE OF deliveries`;
const HELD = heldSql('');
const HELD_OF_ONE = heldSql('AND deliveries.tenant_no = $7');

const INSERT = `
  INSERT INTO attempts (tenant_no, event_seq, ordinal, seq, number, kind, started_ms,
                        reason, detail, dns_us, connect_us, tls_us, first_byte_us, total_us,
                        shape_no, request_headers, response_status, response_headers, response_body, truncated,
                        previous_seq, destination_no)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::bigint[], $5::integer[], $6::text[], $7::bigint[],
                       $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
                       $14::bigint[], $15::bigint[], $16::text[], $17::integer[], $18::text[],
                       $19::bytea[], $20::boolean[], $21::bigint[], $22::bigint[])`;

const updateSql = (one: string) => `
  UPDATE deliveries
  SET status = done.status, holds = done.holds, attempts = done.attempts, step = done.step, asked_by = done.asked_by,
      next_attempt_ms = done.next_attempt_ms, claimed_by = ${lineAfter('$14')}, last_code = done.last_code,
      last_attempt_seq = done.attempt_seq, updated_ms = done.attempt_seq / 1000
  FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::bigint[], $5::smallint[], $6::boolean[], $7::integer[],
              $8::integer[], $9::smallint[], $10::bigint[], $11::text[])
    AS done (tenant_no, event_seq, ordinal, attempt_seq, status, holds, attempts, step, asked_by, next_attempt_ms,
             last_code)
  WHERE deliveries.tenant_no = done.tenant_no AND deliveries.event_seq = done.event_seq
    AND deliveries.ordinal = done.ordinal AND deliveries.event_seq BETWEEN $12 AND $13 ${one}`;
const UPDATE = updateSql('');
const UPDATE_OF_ONE = updateSql('AND deliveries.tenant_no = $15');

interface Held {
  readonly destinationNo: number;
  readonly status: number;
  readonly holds: boolean;
  readonly attempts: number;
  readonly step: number;
  readonly askedBy: number;
  readonly nextAttemptAtMs: number | null;
  readonly lastAttemptSeq: number | null;
}

/** An attempt, with what stands in its row. */
interface Done {
  readonly place: number;
  readonly seq: number;
  readonly tenantNo: number;
  readonly shapeNo: number;
  readonly attempt: AttemptRecord;
}

const tenantOf = ({ tenantNo }: Done) => tenantNo;
const eventOf = ({ attempt }: Done) => attempt.delivery.seq;

export async function record(
  session: WriteSession,
  attempts: readonly AttemptRecord[],
): Promise<RecordOutcome[]> {
  const done = await rowsOf(session, attempts);
  const outcomes = attempts.map((): RecordOutcome => 'lost');
  const first = done.filter(({ attempt }) => attempt.number === 1);
  const left = new Set(done);
  // Citus takes no statement that inserts what another one in it has updated.
  for (const group of session.isDistributed ? [] : byDay(first, eventOf))
    for (const each of await recordFirst(session, group)) {
      outcomes[each.place] = 'recorded';
      left.delete(each);
    }
  for (const part of byTenant(session, [...left], tenantOf))
    for (const group of byDay(part, eventOf))
      for (const [{ place }, outcome] of await recordOthers(session, group))
        outcomes[place] = outcome;
  return outcomes;
}

/** The first outcome of a delivery ends its claim: others are not here. */
async function rowsOf(session: WriteSession, attempts: readonly AttemptRecord[]): Promise<Done[]> {
  const firstSeq = await session.takeSeqs(attempts.length);
  const { eventTenants, shapes } = session.memory;
  const tenantNos = await eventTenants.of(
    session,
    attempts.map(({ delivery }) => delivery.seq),
  );
  const seen = new Set<string>();
  const rows = attempts.flatMap((attempt, place) => {
    const tenantNo = tenantNos[place] ?? null;
    const key = keyOf(attempt.delivery.seq, attempt.delivery.ordinal);
    if (tenantNo === null || seen.has(key)) return [];
    seen.add(key);
    return [{ place, seq: firstSeq + place, tenantNo, attempt }];
  });
  const shapeNos = await shapes.numbers(
    session,
    rows.map(({ tenantNo, attempt }) => ({ tenantNo, ...attempt.request.shape })),
  );
  return rows.map(({ place, seq, tenantNo, attempt }, index) => {
    const shapeNo = shapeNos[index] ?? 0;
    return { place, seq, tenantNo, shapeNo, attempt };
  });
}

/** Those that were recorded: pending, claimed by this node, and not attempted before. */
async function recordFirst(session: WriteSession, done: readonly Done[]): Promise<readonly Done[]> {
  const [tenantNos, eventSeqs, ordinals, seqs, ...attempt] = attemptColumns(done);
  const verdicts = done.map(({ attempt: { verdict } }) => verdict);
  const span = spanOf(done.map(eventOf));
  const written = await session.run(
    RECORD_FIRST,
    session.incarnation,
    tenantNos,
    eventSeqs,
    ordinals,
    seqs,
    smallints(verdicts.map(({ status }) => STATUS_CODE[status])),
    booleans(verdicts.map((verdict) => verdict.status === 'failed' && verdict.holds === true)),
    integers(done.map(({ attempt: { step } }) => step)),
    bigints(
      verdicts.map((verdict) => (verdict.status === 'pending' ? verdict.nextAttemptAtMs : null)),
    ),
    lastCodes(done),
    ...attempt,
    ...span,
    session.retryLine,
  );
  if (written === done.length) return done;
  const recorded = await session.rows(RECORDED, tenantNos, seqs, ...span);
  const found = new Set(recorded.map((row) => Number(row['seq'])));
  return done.filter(({ seq }) => found.has(seq));
}

/** Where it was canceled while the attempt was on its way, the attempt happened, and the status stays. */
async function recordOthers(
  session: WriteSession,
  done: readonly Done[],
): Promise<[Done, RecordOutcome][]> {
  const [first] = done;
  const found = await findHeld(session, done);
  const rows = done.flatMap((each) => {
    const { seq, ordinal } = each.attempt.delivery;
    const before = found.get(keyOf(seq, ordinal));
    // An attempt from before this node began anew may end when it has claimed the same again, and made that attempt once more.
    if (before === undefined || before.attempts !== each.attempt.number - 1) return [];
    return [{ ...each, held: before, done: each }];
  });
  if (rows.length === 0) return [];
  const columns = attemptColumns(rows);
  await session.run(
    INSERT,
    ...columns,
    bigints(rows.map(({ held: { lastAttemptSeq } }) => lastAttemptSeq)),
    bigints(rows.map(({ held: { destinationNo } }) => destinationNo)),
  );
  const next = rows.map(({ attempt, held: before }) => {
    if (before.status !== STATUS_CODE.pending) return before;
    const { verdict, step } = attempt;
    return {
      status: STATUS_CODE[verdict.status],
      holds: verdict.status === 'failed' && verdict.holds === true,
      step,
      askedBy: 0,
      nextAttemptAtMs: verdict.status === 'pending' ? verdict.nextAttemptAtMs : null,
    };
  });
  const updated = [
    ...columns.slice(0, KEY_COLUMNS),
    smallints(next.map(({ status }) => status)),
    booleans(next.map(({ holds }) => holds)),
    integers(rows.map(({ attempt }) => attempt.number)),
    integers(next.map(({ step }) => step)),
    smallints(next.map(({ askedBy }) => askedBy)),
    bigints(next.map(({ nextAttemptAtMs }) => nextAttemptAtMs)),
    lastCodes(rows),
    ...spanOf(rows.map(eventOf)),
    session.retryLine,
  ];
  await session.run(...about(session, [UPDATE, UPDATE_OF_ONE], first?.tenantNo, ...updated));
  return rows.map((row) => [
    row.done,
    row.held.status === STATUS_CODE.pending ? 'recorded' : 'canceled',
  ]);
}

async function findHeld(session: WriteSession, done: readonly Done[]): Promise<Map<string, Held>> {
  const values = [
    done.map(({ tenantNo }) => tenantNo),
    done.map(({ attempt }) => attempt.delivery.seq),
    done.map(({ attempt }) => attempt.delivery.ordinal),
    session.incarnation,
    ...spanOf(done.map(eventOf)),
  ];
  const rows = await session.rows(
    ...about(session, [HELD, HELD_OF_ONE], done[0]?.tenantNo, ...values),
  );
  return new Map(
    rows.map((row) => [
      keyOf(Number(row['event_seq']), Number(row['ordinal'])),
      {
        destinationNo: Number(row['destination_no']),
        status: Number(row['status']),
        holds: row['holds'] === true,
        attempts: Number(row['attempts']),
        step: Number(row['step']),
        askedBy: Number(row['asked_by']),
        nextAttemptAtMs: numberOrNull(row['next_attempt_ms']),
        lastAttemptSeq: numberOrNull(row['last_attempt_seq']),
      },
    ]),
  );
}

/** Tenant, event and ordinal, and the attempt's number: by them the delivery is found. */
const KEY_COLUMNS = 4;

function attemptColumns(done: readonly Done[]) {
  const column = <T>(of: (attempt: AttemptRecord) => T) => done.map(({ attempt }) => of(attempt));
  return [
    bigints(done.map(({ tenantNo }) => tenantNo)),
    bigints(column(({ delivery }) => delivery.seq)),
    integers(column(({ delivery }) => delivery.ordinal)),
    bigints(done.map(({ seq }) => seq)),
    integers(column(({ number }) => number)),
    texts(column(({ kind }) => kind)),
    bigints(column(({ startedAtMs }) => startedAtMs)),
    texts(column(({ reason }) => reason)),
    texts(column(({ detail }) => detail)),
    bigints(column(({ timings }) => microseconds(timings.dnsMs))),
    bigints(column(({ timings }) => microseconds(timings.connectMs))),
    bigints(column(({ timings }) => microseconds(timings.tlsMs))),
    bigints(column(({ timings }) => microseconds(timings.firstByteMs))),
    bigints(column(({ timings }) => microseconds(timings.totalMs))),
    bigints(done.map(({ shapeNo }) => shapeNo)),
    texts(column(({ request }) => request.headers)),
    integers(column(({ response }) => (response === null ? null : response.status))),
    texts(column(({ response }) => (response === null ? null : response.headers))),
    byteas(
      column(({ response }) =>
        response === null || response.body.length === 0 ? null : response.body,
      ),
    ),
    booleans(column(({ response }) => response?.truncated === true)),
  ] as const satisfies readonly Value[];
}

function lastCodes(done: readonly Done[]): Uint8Array {
  return texts(
    done.map(({ attempt: { reason, response } }) => attemptCode(reason, response?.status ?? null)),
  );
}

function keyOf(seq: number, ordinal: number): string {
  return `${seq}/${ordinal}`;
}

function microseconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.round(milliseconds * 1000);
}
