/** The outbox of mails: what is to be said to whom, gathered until it may be sent. */
import type { MailItem } from '../mail-storage.ts';
import type { Storage } from '../storage.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';

/** Of one mail; the others are counted. */
const MAX_ITEMS = 20;
/** How long a row tells when it was last mailed. */
const KEPT_MS = 24 * 60 * 60 * 1000;

const REFUSED = 'SELECT 1 FROM mail_refusals WHERE tenant_id = ? AND recipient = ?';

const FIND = `
  SELECT no, count, items, due_ms, sent_ms FROM mails
  WHERE tenant_id = ? AND destination_id = ? AND reason = ? AND recipient = ?`;

const INSERT = `
  INSERT INTO mails (tenant_id, destination_id, reason, recipient, count, items, due_ms, failures)
  VALUES (?, ?, ?, ?, 1, ?, ?, 0)`;

const ADD = 'UPDATE mails SET count = ?, items = ?, due_ms = ? WHERE no = ?';

const DUE = `
  SELECT no, tenant_id, destination_id, reason, recipient, count, items, failures
  FROM mails INDEXED BY mails_due WHERE count > 0 AND due_ms <= ? ORDER BY due_ms LIMIT ?`;

// What came in while it was being sent stays for the next one.
const SENT = `
  UPDATE mails SET sent_ms = ?, failures = 0, due_ms = ?, count = max(0, count - ?), items = ? WHERE no = ?`;

const ITEMS = 'SELECT items FROM mails WHERE no = ?';
const RETRY = 'UPDATE mails SET failures = failures + 1, due_ms = ? WHERE no = ?';
const GIVEN_UP = "UPDATE mails SET failures = 0, count = 0, items = '[]' WHERE no = ?";
const FORGET = `
  DELETE FROM mails WHERE tenant_id = ? AND count = 0 AND ifnull(sent_ms, due_ms) < ?`;

export function mailAdd(context: WriteContext): Operation<Storage['mailAdd']> {
  return ({ tenantId, destinationId, reason, recipients, item, nowMs, gapMs }) => {
    context.statement(FORGET).run(tenantId, nowMs - KEPT_MS);
    for (const recipient of recipients) {
      if (context.statement(REFUSED).get(tenantId, recipient) !== undefined) continue;
      const row = context.statement(FIND).get(tenantId, destinationId, reason, recipient);
      if (row === undefined) {
        context
          .statement(INSERT)
          .run(tenantId, destinationId, reason, recipient, JSON.stringify([item]), nowMs);
        continue;
      }
      const items = itemsOf(row);
      if (items.some(({ id }) => id === item.id)) continue;
      const count = Number(row['count']);
      const afterLastMs = row['sent_ms'] === null ? nowMs : Number(row['sent_ms']) + gapMs;
      const dueMs = count > 0 ? Number(row['due_ms']) : Math.max(nowMs, afterLastMs);
      const all = JSON.stringify([...items, item].slice(0, MAX_ITEMS));
      context.statement(ADD).run(count + 1, all, dueMs, Number(row['no']));
    }
  };
}

export function mailsDue(context: ReadContext): Operation<Storage['mailsDue']> {
  return ({ nowMs, limit }) =>
    context
      .statement(DUE)
      .all(nowMs, limit)
      .map((row) => ({
        no: Number(row['no']),
        tenantId: String(row['tenant_id']),
        destinationId: String(row['destination_id']),
        reason: String(row['reason']),
        recipient: String(row['recipient']),
        count: Number(row['count']),
        items: itemsOf(row),
        failures: Number(row['failures']),
      }));
}

export function mailSettled(context: WriteContext): Operation<Storage['mailSettled']> {
  return ({ no, result, nowMs }) => {
    switch (result.kind) {
      case 'sent': {
        const row = context.statement(ITEMS).get(no);
        if (row === undefined) return;
        const left = JSON.stringify(itemsOf(row).slice(result.items));
        const dueMs = nowMs + result.gapMs;
        context.statement(SENT).run(nowMs, dueMs, result.count, left, no);
        return;
      }
      case 'retry':
        context.statement(RETRY).run(result.atMs, no);
        return;
      case 'given_up':
        context.statement(GIVEN_UP).run(no);
    }
  };
}

export function mailRefuse(context: WriteContext): Operation<Storage['mailRefuse']> {
  return ({ tenantId, recipient }) => {
    context
      .statement('INSERT OR IGNORE INTO mail_refusals (tenant_id, recipient) VALUES (?, ?)')
      .run(tenantId, recipient);
    context
      .statement('DELETE FROM mails WHERE tenant_id = ? AND recipient = ?')
      .run(tenantId, recipient);
  };
}

function itemsOf(row: Record<string, unknown>): MailItem[] {
  // JSON that this driver has written.
  return JSON.parse(String(row['items'])) as MailItem[];
}
