/** Retry and cancel of one delivery, as somebody asked for. */
import { ASKED_BY, SCHEDULE_OVER, transition } from '../../domain/delivery.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import { holdersAmong } from './holders.ts';
import { FIRST_LINE } from './lines.ts';
import type { Operation } from './operation.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE, statusOf } from './statuses.ts';

const BY_HAND = ASKED_BY.indexOf('hand');

const FIND = `
  SELECT ordinal, status, claimed_by FROM deliveries
  WHERE tenant_no = $1 AND event_seq = $2 AND destination_no = $3 FOR UPDATE`;

// What is made due for one that is disabled would never be sent, and never be canceled. It stays enabled until the end.
const ENABLED =
  'SELECT 1 FROM destinations WHERE tenant_no = $1 AND no = $2 AND disabled_ms IS NULL';

// What a live node was given it may have passed by while it was canceled: it is read once more, after all that is there.
const MAKE_DUE = `
  UPDATE deliveries
  SET status = ${STATUS_CODE.pending}, holds = false, asked_by = ${BY_HAND}, updated_ms = $5,
      next_attempt_ms = CASE WHEN $6 AND claimed_by < 0 THEN $5::bigint + 1 ELSE $1::bigint END,
      claimed_by = CASE WHEN $6 THEN claimed_by WHEN attempts > 0 THEN $7::bigint ELSE ${FIRST_LINE} END,
      step = CASE WHEN status = ${STATUS_CODE.pending} OR $6 THEN step ELSE ${SCHEDULE_OVER} END
  WHERE tenant_no = $2 AND event_seq = $3 AND ordinal = $4`;

// The destination never had the event: it joins the event's deliveries at the end.
const ADD = `
  INSERT INTO deliveries (tenant_no, event_seq, ordinal, destination_no, status, attempts, step, asked_by,
                          next_attempt_ms, claimed_by, created_ms, updated_ms)
  SELECT tenant_no, seq,
         (SELECT coalesce(max(ordinal) + 1, 0) FROM deliveries
          WHERE deliveries.tenant_no = events.tenant_no AND event_seq = $3),
         $1, ${STATUS_CODE.pending}, 0, ${SCHEDULE_OVER}, ${BY_HAND}, $2, 0, $2, $5
  FROM events WHERE seq = $3 AND tenant_no = $4`;

const STATUS = `
  SELECT status, claimed_by, holds FROM deliveries
  WHERE tenant_no = $1 AND event_seq = $2 AND ordinal = $3 FOR UPDATE`;

const LET_GO = `
  UPDATE deliveries SET holds = false, updated_ms = $1 WHERE tenant_no = $2 AND event_seq = $3 AND ordinal = $4`;

const CANCEL = `
  UPDATE deliveries SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, updated_ms = $1,
         last_code = coalesce($5, last_code)
  WHERE tenant_no = $2 AND event_seq = $3 AND ordinal = $4`;

export const retryByHand: Operation<Storage['retryByHand'], WriteSession> = async (
  session,
  { tenantId, eventSeq, destinationId, nowMs, audit },
) => {
  const tenant = await session.memory.routes.tenant(session, tenantId);
  const destinationNo = tenant?.destinations.get(destinationId);
  if (tenant === undefined || destinationNo === undefined) return 'unknown';
  const askedMs = await session.takeAskedMs();
  await session.reopen(eventSeq);
  if ((await session.row(ENABLED, tenant.no, destinationNo)) === undefined) return 'disabled';
  const delivery = await session.row(FIND, tenant.no, eventSeq, destinationNo);
  if (delivery === undefined) {
    const added = await session.run(ADD, destinationNo, nowMs, eventSeq, tenant.no, askedMs);
    if (added === 0) return 'unknown';
    await writeAudit(session, audit);
    return 'due';
  }
  const status = statusOf(delivery['status']);
  const claimedBy = Number(delivery['claimed_by']);
  const isInMemory = (await holdersAmong(session, [claimedBy])).has(Math.abs(claimedBy));
  if (isInMemory && status === 'pending') {
    if (claimedBy > 0) return 'in_attempt';
    // Due since it was given, and never attempted: perhaps just now.
    await writeAudit(session, audit);
    return 'due';
  }
  if (transition(status, 'retry_by_hand') === null) return 'in_attempt';
  // One that was canceled and is still in memory goes on as if it had not been.
  const key = [tenant.no, eventSeq, Number(delivery['ordinal'])] as const;
  await session.run(MAKE_DUE, nowMs, ...key, askedMs, isInMemory, session.retryLine);
  await writeAudit(session, audit);
  return isInMemory ? 'in_attempt' : 'due';
};

export const cancel: Operation<Storage['cancel'], WriteSession> = async (
  session,
  { delivery: { seq, ordinal }, nowMs, code = null, audit },
) => {
  const [tenantNo = null] = await session.memory.eventTenants.of(session, [seq]);
  const key = [tenantNo ?? -1, seq, ordinal] as const;
  const row = await session.row(STATUS, ...key);
  if (row === undefined) return 'unknown';
  if (row['holds'] === true) {
    await session.run(LET_GO, nowMs, ...key);
    await writeAudit(session, audit);
    return 'canceled';
  }
  if (transition(statusOf(row['status']), 'cancel') === null) return 'final';
  await session.run(CANCEL, nowMs, ...key, code);
  await writeAudit(session, audit);
  return row['claimed_by'] === session.incarnation ? 'in_attempt' : 'canceled';
};
