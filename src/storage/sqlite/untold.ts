/** Deliveries that failed for good since notices were last known to be told. */
import { FAILURE_REASONS } from '../../domain/attempt.ts';
import type { AttemptKind } from '../../domain/attempt.ts';
import { ingestedAtMs } from '../../domain/event.ts';
import type { HealthStorage } from '../health-storage.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { STATUS_CODE } from './context.ts';
import type { Operation } from './operation.ts';
import { numberOrNull } from './page.ts';

const NOTE = `
  INSERT INTO meta (name, value) VALUES ('notices_told_ms', ?)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
const NOTED = "SELECT value FROM meta WHERE name = 'notices_told_ms'";

// By the number of the attempt, which tells the time of its record: only the newest attempts are read.
const FAILED = `
  SELECT attempts.seq AS seq, attempts.event_seq AS event_seq, attempts.ordinal AS ordinal, attempts.number AS number,
         attempts.kind AS kind, reason, response_status, step, last_code, events.id AS event_id, topic,
         eligible_for_retry, tenants.id AS tenant_id, destinations.id AS destination_id,
         destinations.created_ms AS created_ms
  FROM attempts
  CROSS JOIN deliveries ON deliveries.event_seq = attempts.event_seq AND deliveries.ordinal = attempts.ordinal
  JOIN events ON events.seq = attempts.event_seq
  JOIN destinations ON destinations.no = attempts.destination_no
  JOIN tenants ON tenants.no = attempts.tenant_no
  WHERE attempts.seq > ? AND reason IS NOT NULL AND last_attempt_seq = attempts.seq
    AND status = ${STATUS_CODE.failed} AND test = 0
  ORDER BY attempts.seq LIMIT ?`;

export function noteTold(context: WriteContext, toldUpToMs: number | undefined): void {
  if (toldUpToMs !== undefined) context.statement(NOTE).run(String(toldUpToMs));
}

export function untoldFailures(context: ReadContext): Operation<HealthStorage['untoldFailures']> {
  return ({ after, limit }) => {
    const noted = context.statement(NOTED).get();
    if (noted === undefined) return { toldUpToMs: null, failures: [] };
    const toldUpToMs = Number(noted['value']);
    const rows = context.statement(FAILED).all(after ?? toldUpToMs * 1000, limit);
    return {
      toldUpToMs,
      failures: rows.map((row) => {
        const eventSeq = Number(row['event_seq']);
        const reason = FAILURE_REASONS.find((known) => known === row['reason']);
        if (reason === undefined) throw new Error(`unknown reason ${String(row['reason'])}`);
        return {
          position: Number(row['seq']),
          atMs: ingestedAtMs(Number(row['seq'])),
          tenantId: String(row['tenant_id']),
          destinationId: String(row['destination_id']),
          createdAtMs: Number(row['created_ms']),
          delivery: { seq: eventSeq, ordinal: Number(row['ordinal']) },
          eventId:
            row['event_id'] === null ? context.ids.eventId(eventSeq) : String(row['event_id']),
          eventTopic: String(row['topic']),
          eligibleForRetry: row['eligible_for_retry'] === 1,
          attempts: Number(row['number']),
          // Written by this driver.
          kind: String(row['kind']) as AttemptKind,
          step: Number(row['step']),
          reason,
          status: numberOrNull(row['response_status']),
          code: String(row['last_code']),
        };
      }),
    };
  };
}
