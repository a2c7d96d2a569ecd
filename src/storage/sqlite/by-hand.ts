/** Retry and cancel of one delivery, as somebody asked for. */
import { SCHEDULE_OVER, transition } from '../../domain/delivery.ts';
import type { DeliveryStatus } from '../../domain/delivery.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import { STATUS_CODE, STATUS_OF_CODE } from './context.ts';
import type { WriteContext } from './context.ts';
import { FIRST_LINE, RETRY_LINE } from './lines.ts';
import type { Operation } from './operation.ts';

const ENABLED = 'SELECT 1 FROM destinations WHERE no = ? AND disabled_ms IS NULL';

const FIND = `
  SELECT ordinal, status, claimed_by, attempts FROM deliveries
  WHERE event_seq = ? AND destination_no = ?`;

const MAKE_DUE = `
  UPDATE deliveries SET status = ${STATUS_CODE.pending}, holds = 0, step = ?, manual = 1, next_attempt_ms = ?, claimed_by = ?, updated_ms = ?
  WHERE event_seq = ? AND ordinal = ?`;

// The destination never had the event: it joins the event's deliveries at the end.
const ADD = `
  INSERT INTO deliveries (event_seq, ordinal, tenant_no, destination_no, status, attempts, step, manual,
                          next_attempt_ms, claimed_by, created_ms, updated_ms)
  SELECT seq, (SELECT ifnull(max(ordinal) + 1, 0) FROM deliveries WHERE event_seq = events.seq),
         tenant_no, ?, ${STATUS_CODE.pending}, 0, ${SCHEDULE_OVER}, 1, ?, 0, ?, ?
  FROM events WHERE seq = ? AND tenant_no = ?`;

const STATUS =
  'SELECT status, claimed_by, holds FROM deliveries WHERE event_seq = ? AND ordinal = ?';

const LET_GO =
  'UPDATE deliveries SET holds = 0, updated_ms = ? WHERE event_seq = ? AND ordinal = ?';

const CANCEL = `
  UPDATE deliveries
  SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, last_code = ifnull(?, last_code), updated_ms = ?
  WHERE event_seq = ? AND ordinal = ?`;

export function retryByHand(context: WriteContext): Operation<Storage['retryByHand']> {
  return ({ tenantId, eventSeq, destinationId, nowMs, audit }) => {
    const tenant = context.tenant(tenantId);
    const destinationNo = tenant?.destinations.get(destinationId);
    if (tenant === undefined || destinationNo === undefined) return 'unknown';
    if (!isEnabled(context, destinationNo)) return 'disabled';
    const delivery = context.statement(FIND).get(eventSeq, destinationNo);
    if (delivery === undefined) {
      const added = context
        .statement(ADD)
        .run(destinationNo, nowMs, nowMs, context.nextAskedMs(), eventSeq, tenant.no);
      if (added.changes === 0) return 'unknown';
      writeAudit(context, audit);
      return 'due';
    }
    const status = statusOf(delivery['status']);
    const isInMemory = delivery['claimed_by'] === context.incarnation;
    if (isInMemory && status === 'pending') return 'in_attempt';
    if (transition(status, 'retry_by_hand') === null) return 'in_attempt';
    // One that was canceled and is still in memory goes on as if it had not been.
    const step = status === 'pending' || isInMemory ? 'step' : SCHEDULE_OVER;
    const makeDue = context.statement(MAKE_DUE.replace('step = ?', `step = ${step}`));
    const line = Number(delivery['attempts']) > 0 ? RETRY_LINE : FIRST_LINE;
    const claimedBy = isInMemory ? context.incarnation : line;
    makeDue.run(nowMs, claimedBy, context.nextAskedMs(), eventSeq, Number(delivery['ordinal']));
    writeAudit(context, audit);
    return isInMemory ? 'in_attempt' : 'due';
  };
}

/** What is made due for one that is disabled would never be sent, and never be canceled. */
export function isEnabled(context: WriteContext, destinationNo: number): boolean {
  return context.statement(ENABLED).get(destinationNo) !== undefined;
}

export function cancel(context: WriteContext): Operation<Storage['cancel']> {
  return ({ delivery: { seq, ordinal }, nowMs, code = null, audit }) => {
    const row = context.statement(STATUS).get(seq, ordinal);
    if (row === undefined) return 'unknown';
    if (row['holds'] === 1) {
      context.statement(LET_GO).run(nowMs, seq, ordinal);
      writeAudit(context, audit);
      return 'canceled';
    }
    if (transition(statusOf(row['status']), 'cancel') === null) return 'final';
    context.statement(CANCEL).run(code, nowMs, seq, ordinal);
    writeAudit(context, audit);
    return row['claimed_by'] === context.incarnation ? 'in_attempt' : 'canceled';
  };
}

function statusOf(code: unknown): DeliveryStatus {
  const status = STATUS_OF_CODE[Number(code)];
  if (status === undefined) throw new Error(`no delivery status has the code ${String(code)}`);
  return status;
}
