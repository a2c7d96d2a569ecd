/** What attempts produced: the attempt's row, and the delivery's next state, where the claim still holds. */
import type { AttemptRecord, RecordOutcome, Storage } from '../storage.ts';
import { attemptCode } from '../../domain/attempt.ts';
import { STATUS_CODE } from './context.ts';
import type { WriteContext } from './context.ts';
import { FIRST_LINE, RETRY_LINE } from './lines.ts';
import type { Operation } from './operation.ts';

// Nothing where the claim is lost, or the delivery gone with its tenant.
const CLAIMED = `
  SELECT tenant_no, destination_no, last_attempt_seq FROM deliveries
  WHERE event_seq = ? AND ordinal = ? AND claimed_by = ?`;

const INSERT_ATTEMPT = `
  INSERT INTO attempts (seq, event_seq, ordinal, previous_seq, tenant_no, destination_no, number, kind, started_ms,
                        reason, detail, dns_us, connect_us, tls_us, first_byte_us, total_us,
                        shape_no, request_headers, response_status, response_headers, response_body, truncated)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const UPDATE_PENDING = `
  UPDATE deliveries
  SET status = ?, holds = ?, attempts = ?, step = ?, manual = 0, next_attempt_ms = ?, claimed_by = ?,
      last_code = ?, last_attempt_seq = ?, updated_ms = ?
  WHERE event_seq = ? AND ordinal = ? AND status = ${STATUS_CODE.pending} AND claimed_by = ?`;

// It was canceled while the attempt was on its way: the attempt happened, the status stays.
const UPDATE_CANCELED = `
  UPDATE deliveries
  SET attempts = ?, claimed_by = 0, last_code = ?, last_attempt_seq = ?, updated_ms = ?
  WHERE event_seq = ? AND ordinal = ?`;

export function record(context: WriteContext): Operation<Storage['record']> {
  const claimed = context.statement(CLAIMED);
  const insertAttempt = context.statement(INSERT_ATTEMPT);
  const updatePending = context.statement(UPDATE_PENDING);
  const updateCanceled = context.statement(UPDATE_CANCELED);

  return ({ attempts }) => attempts.map(write);

  function write(attempt: AttemptRecord): RecordOutcome {
    const { delivery, response, timings, verdict } = attempt;
    const row = claimed.get(delivery.seq, delivery.ordinal, context.incarnation);
    if (row === undefined) return 'lost';
    const seq = context.nextSeq();
    const tenantNo = Number(row['tenant_no']);
    insertAttempt.run(
      seq,
      delivery.seq,
      delivery.ordinal,
      numberOrNull(row['last_attempt_seq']),
      tenantNo,
      Number(row['destination_no']),
      attempt.number,
      attempt.kind,
      attempt.startedAtMs,
      attempt.reason,
      attempt.detail,
      microseconds(timings.dnsMs),
      microseconds(timings.connectMs),
      microseconds(timings.tlsMs),
      microseconds(timings.firstByteMs),
      microseconds(timings.totalMs),
      context.shapeNo(attempt.request.shape, tenantNo),
      attempt.request.headers,
      response === null ? null : response.status,
      response === null ? null : response.headers,
      response === null || response.body.length === 0 ? null : response.body,
      response?.truncated === true ? 1 : 0,
    );

    const lastCode = attemptCode(attempt.reason, response?.status ?? null);
    const nowMs = Math.floor(seq / 1000);
    const updated = updatePending.run(
      STATUS_CODE[verdict.status],
      verdict.status === 'failed' && verdict.holds === true ? 1 : 0,
      attempt.number,
      attempt.step,
      verdict.status === 'pending' ? verdict.nextAttemptAtMs : null,
      verdict.status === 'pending' ? RETRY_LINE : FIRST_LINE,
      lastCode,
      seq,
      nowMs,
      delivery.seq,
      delivery.ordinal,
      context.incarnation,
    );
    if (updated.changes === 1) return 'recorded';
    updateCanceled.run(attempt.number, lastCode, seq, nowMs, delivery.seq, delivery.ordinal);
    return 'canceled';
  }
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}

function microseconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.round(milliseconds * 1000);
}
