/** The outbox of mails: what is to be said to whom, gathered until it may be sent. */
import type { MailItem } from '../mail-storage.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import type { Row } from './session.ts';
import type { WriteSession } from './write-session.ts';

/** Of one mail; the others are counted. */
const MAX_ITEMS = 20;
/** How long a row tells when it was last mailed. */
const KEPT_MS = 24 * 60 * 60 * 1000;

const REFUSED = 'SELECT 1 FROM mail_refusals WHERE tenant_id = $1 AND recipient = $2';

const FIND = `
  SELECT no, count, items, due_ms, sent_ms FROM mails
  WHERE tenant_id = $1 AND destination_id = $2 AND reason = $3 AND recipient = $4`;

const INSERT = `
  INSERT INTO mails (tenant_id, destination_id, reason, recipient, count, items, due_ms, failures)
  VALUES ($1, $2, $3, $4, 1, $5, $6, 0)`;

const ADD = 'UPDATE mails SET count = $1, items = $2, due_ms = $3 WHERE tenant_id = $4 AND no = $5';

const DUE = `
  SELECT no, tenant_id, destination_id, reason, recipient, count, items, failures
  FROM mails WHERE count > 0 AND due_ms <= $1 ORDER BY due_ms LIMIT $2`;

// What came in while it was being sent stays for the next one.
const SENT = `
  UPDATE mails SET sent_ms = $1, failures = 0, due_ms = $2, count = greatest(0, count - $3), items = $4 WHERE no = $5`;

const ITEMS = 'SELECT items FROM mails WHERE no = $1';
const RETRY = 'UPDATE mails SET failures = failures + 1, due_ms = $1 WHERE no = $2';
const GIVEN_UP = "UPDATE mails SET failures = 0, count = 0, items = '[]' WHERE no = $1";
const FORGET = `
  DELETE FROM mails WHERE tenant_id = $1 AND count = 0 AND coalesce(sent_ms, due_ms) < $2`;

const REFUSE = `
  INSERT INTO mail_refusals (tenant_id, recipient) VALUES ($1, $2) ON CONFLICT (tenant_id, recipient) DO NOTHING`;
const DROP = 'DELETE FROM mails WHERE tenant_id = $1 AND recipient = $2';

export const mailAdd: Operation<Storage['mailAdd'], WriteSession> = async (
  session,
  { tenantId, destinationId, reason, recipients, item, nowMs, gapMs },
) => {
  await session.run(FORGET, tenantId, nowMs - KEPT_MS);
  for (const recipient of recipients) {
    if ((await session.row(REFUSED, tenantId, recipient)) !== undefined) continue;
    const key = [tenantId, destinationId, reason, recipient] as const;
    const row = await session.row(FIND, ...key);
    if (row === undefined) {
      await session.run(INSERT, ...key, JSON.stringify([item]), nowMs);
      continue;
    }
    const items = itemsOf(row);
    if (items.some(({ id }) => id === item.id)) continue;
    const count = Number(row['count']);
    const afterLastMs = row['sent_ms'] === null ? nowMs : Number(row['sent_ms']) + gapMs;
    const dueMs = count > 0 ? Number(row['due_ms']) : Math.max(nowMs, afterLastMs);
    const all = JSON.stringify([...items, item].slice(0, MAX_ITEMS));
    await session.run(ADD, count + 1, all, dueMs, tenantId, Number(row['no']));
  }
};

export const mailsDue: Operation<Storage['mailsDue']> = async (session, { nowMs, limit }) =>
  (await session.rows(DUE, nowMs, limit)).map((row) => ({
    no: Number(row['no']),
    tenantId: String(row['tenant_id']),
    destinationId: String(row['destination_id']),
    reason: String(row['reason']),
    recipient: String(row['recipient']),
    count: Number(row['count']),
    items: itemsOf(row),
    failures: Number(row['failures']),
  }));

export const mailSettled: Operation<Storage['mailSettled'], WriteSession> = async (
  session,
  { no, result, nowMs },
) => {
  switch (result.kind) {
    case 'sent': {
      const row = await session.row(ITEMS, no);
      if (row === undefined) return;
      const left = JSON.stringify(itemsOf(row).slice(result.items));
      await session.run(SENT, nowMs, nowMs + result.gapMs, result.count, left, no);
      return;
    }
    case 'retry':
      await session.run(RETRY, result.atMs, no);
      return;
    case 'given_up':
      await session.run(GIVEN_UP, no);
  }
};

export const mailRefuse: Operation<Storage['mailRefuse'], WriteSession> = async (
  session,
  { tenantId, recipient },
) => {
  await session.run(REFUSE, tenantId, recipient);
  await session.run(DROP, tenantId, recipient);
};

function itemsOf(row: Row): MailItem[] {
  // JSON that this driver has written.
  return JSON.parse(String(row['items'])) as MailItem[];
}
