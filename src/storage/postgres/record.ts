/** What attempts produced: the attempt's row, and the delivery's next state, where the claim still holds. */
import type { AttemptRecord, RecordOutcome } from '../storage.ts';
import { attemptCode } from '../../domain/attempt.ts';
import { byDay, spanOf } from './days.ts';
import { numberOrNull } from './page.ts';
import type { Row } from './session.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

const HELD = `
  SELECT deliveries.tenant_no, event_seq, ordinal, destination_no, status, holds, attempts, step, asked_by, next_attempt_ms,
         last_attempt_seq
  FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) AS done (seq, place, tenant)
  JOIN deliveries ON deliveries.tenant_no = done.tenant AND event_seq = done.seq AND ordinal = place
  WHERE claimed_by = $4 AND event_seq BETWEEN $5 AND $6
  FOR UPDATE OF deliveries`;

const INSERT = `
  INSERT INTO attempts (tenant_no, seq, event_seq, ordinal, previous_seq, destination_no, number, kind, started_ms,
                        reason, detail, dns_us, connect_us, tls_us, first_byte_us, total_us,
                        shape_no, request_headers, response_status, response_headers, response_body, truncated)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::bigint[], $7::integer[],
                       $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[],
                       $15::bigint[], $16::bigint[], $17::bigint[], $18::text[], $19::integer[], $20::text[],
                       $21::bytea[], $22::boolean[])`;

const UPDATE = `
  UPDATE deliveries
  SET status = done.status, holds = done.holds, attempts = done.attempts, step = done.step, asked_by = done.asked_by,
      next_attempt_ms = done.next_attempt_ms, claimed_by = 0, last_code = done.last_code,
      last_attempt_seq = done.attempt_seq, updated_ms = done.updated_ms
  FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::smallint[], $5::boolean[], $6::integer[], $7::integer[],
              $8::smallint[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[])
    AS done (tenant_no, event_seq, ordinal, status, holds, attempts, step, asked_by, next_attempt_ms, last_code, attempt_seq,
             updated_ms)
  WHERE deliveries.tenant_no = done.tenant_no AND deliveries.event_seq = done.event_seq
    AND deliveries.ordinal = done.ordinal AND deliveries.event_seq BETWEEN $13 AND $14`;

interface Held {
  readonly tenantNo: number;
  readonly destinationNo: number;
  readonly status: number;
  readonly holds: boolean;
  readonly attempts: number;
  readonly step: number;
  readonly askedBy: number;
  readonly nextAttemptAtMs: number | null;
  readonly lastAttemptSeq: number | null;
}

interface Done {
  readonly seq: number;
  readonly attempt: AttemptRecord;
  readonly held: Held;
}

const eventOf = ({ attempt }: Done) => attempt.delivery.seq;

export async function record(
  session: WriteSession,
  attempts: readonly AttemptRecord[],
): Promise<RecordOutcome[]> {
  const firstSeq = await session.takeSeqs(attempts.length);
  const held = await findHeld(session, attempts);
  const done: Done[] = [];
  const outcomes = attempts.map((attempt, index): RecordOutcome => {
    const key = `${attempt.delivery.seq}/${attempt.delivery.ordinal}`;
    const found = held.get(key);
    // An attempt from before this node began anew may end when it has claimed the same again, and made that attempt once more.
    if (found === undefined || found.attempts !== attempt.number - 1) return 'lost';
    // The first outcome ends the claim.
    held.delete(key);
    done.push({ seq: firstSeq + index, attempt, held: found });
    return found.status === STATUS_CODE.pending ? 'recorded' : 'canceled';
  });
  if (done.length === 0) return outcomes;
  const shapes = done.map(({ attempt, held: { tenantNo } }) => ({
    tenantNo,
    ...attempt.request.shape,
  }));
  const shapeNos = await session.memory.shapes.numbers(session, shapes);
  await session.run(INSERT, ...attemptColumns(done, shapeNos));
  for (const group of byDay(done, eventOf)) {
    const span = spanOf(group.map(eventOf));
    await session.run(UPDATE, ...deliveryColumns(group), ...span);
  }
  return outcomes;
}

async function findHeld(
  session: WriteSession,
  attempts: readonly AttemptRecord[],
): Promise<Map<string, Held>> {
  const rows: Row[] = [];
  for (const group of byDay(attempts, ({ delivery }) => delivery.seq)) {
    const seqs = group.map(({ delivery }) => delivery.seq);
    const ordinals = group.map(({ delivery }) => delivery.ordinal);
    const tenants = await session.memory.eventTenants.of(session, seqs);
    const { incarnation } = session;
    rows.push(...(await session.rows(HELD, seqs, ordinals, tenants, incarnation, ...spanOf(seqs))));
  }
  return new Map(
    rows.map((row) => [
      `${String(row['event_seq'])}/${String(row['ordinal'])}`,
      {
        tenantNo: Number(row['tenant_no']),
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

function attemptColumns(done: readonly Done[], shapeNos: readonly number[]) {
  const column = <T>(of: (attempt: AttemptRecord) => T) => done.map(({ attempt }) => of(attempt));
  return [
    done.map(({ held }) => held.tenantNo),
    done.map(({ seq }) => seq),
    column(({ delivery }) => delivery.seq),
    column(({ delivery }) => delivery.ordinal),
    done.map(({ held }) => held.lastAttemptSeq),
    done.map(({ held }) => held.destinationNo),
    column(({ number }) => number),
    column(({ kind }) => kind),
    column(({ startedAtMs }) => startedAtMs),
    column(({ reason }) => reason),
    column(({ detail }) => detail),
    column(({ timings }) => microseconds(timings.dnsMs)),
    column(({ timings }) => microseconds(timings.connectMs)),
    column(({ timings }) => microseconds(timings.tlsMs)),
    column(({ timings }) => microseconds(timings.firstByteMs)),
    column(({ timings }) => microseconds(timings.totalMs)),
    shapeNos,
    column(({ request }) => request.headers),
    column(({ response }) => (response === null ? null : response.status)),
    column(({ response }) => (response === null ? null : response.headers)),
    column(({ response }) =>
      response === null || response.body.length === 0 ? null : response.body,
    ),
    column(({ response }) => response?.truncated === true),
  ] as const;
}

/** Where it was canceled while the attempt was on its way, the attempt happened, and the status stays. */
function deliveryColumns(done: readonly Done[]) {
  const rows = done.map(({ seq, attempt, held }) => {
    const { verdict, response } = attempt;
    const isPending = held.status === STATUS_CODE.pending;
    const next = verdict.status === 'pending' ? verdict.nextAttemptAtMs : null;
    return {
      status: isPending ? STATUS_CODE[verdict.status] : held.status,
      holds: isPending ? verdict.status === 'failed' && verdict.holds === true : held.holds,
      step: isPending ? attempt.step : held.step,
      askedBy: isPending ? 0 : held.askedBy,
      nextAttemptAtMs: isPending ? next : held.nextAttemptAtMs,
      lastCode: attemptCode(attempt.reason, response?.status ?? null),
      nowMs: Math.floor(seq / 1000),
    };
  });
  return [
    done.map(({ held }) => held.tenantNo),
    done.map(({ attempt }) => attempt.delivery.seq),
    done.map(({ attempt }) => attempt.delivery.ordinal),
    rows.map(({ status }) => status),
    rows.map(({ holds }) => holds),
    done.map(({ attempt }) => attempt.number),
    rows.map(({ step }) => step),
    rows.map(({ askedBy }) => askedBy),
    rows.map(({ nextAttemptAtMs }) => nextAttemptAtMs),
    rows.map(({ lastCode }) => lastCode),
    done.map(({ seq }) => seq),
    rows.map(({ nowMs }) => nowMs),
  ] as const;
}

function microseconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.round(milliseconds * 1000);
}
