/** Looked after once a minute: the days to come are made, and the days on which nothing is owed any more are left behind. */
import { listDays, NUMBERS } from './days.ts';
import type { DaysMade } from './days.ts';
import type { Session } from './session.ts';
import type { WriteSession } from './write-session.ts';

/** So many days after today are made beforehand. */
const AHEAD = 3;
const BETWEEN_LOOKS_MS = 60_000;

const TODAY = 'SELECT floor(extract(epoch FROM clock_timestamp()) / 86400)::bigint AS day';

// In the order of an index, which is empty where all is done: a plan for stale statistics would read the table through.
const IS_OPEN = `
  SELECT EXISTS (SELECT 1 FROM deliveries WHERE event_seq >= $1 AND event_seq < $2 AND status = 0
                 ORDER BY tenant_no, destination_no, claimed_by, next_attempt_ms LIMIT 1)
      OR EXISTS (SELECT 1 FROM deliveries
                 WHERE event_seq >= $1 AND event_seq < $2 AND order_key IS NOT NULL AND (status = 0 OR holds)
                 ORDER BY tenant_no, destination_no, order_key LIMIT 1) AS is_open`;
const RAISE = 'UPDATE numbers SET open_seq = $1 WHERE open_seq < $1';

/** Whether to look again whether days have to be made or are done; once a minute. */
export function isTimeToLook(days: DaysMade, nowMs: number): boolean {
  if (days.lookedAtMs !== null && nowMs - days.lookedAtMs < BETWEEN_LOOKS_MS) return false;
  days.lookedAtMs = nowMs;
  return true;
}

/** Makes the days to come. The earliest day on which something is still owed: what is before needs no more looking at. */
export async function tidyDays(session: WriteSession): Promise<void> {
  const today = Number((await session.row(TODAY))?.['day']);
  await session.makeDaysTo(today, today + AHEAD);
  const numbers = await session.row(NUMBERS);
  const [openSeq, lastSeq] = [Number(numbers?.['open_seq']), Number(numbers?.['last_seq'])];
  let doneBelow = openSeq;
  for (const { fromSeq, belowSeq } of await listDays(session)) {
    if (belowSeq <= openSeq) continue;
    if (belowSeq > lastSeq || (await isOpen(session, fromSeq, belowSeq))) {
      doneBelow = Math.max(doneBelow, fromSeq);
      break;
    }
    doneBelow = belowSeq;
  }
  // Whatever the clock says, the next number comes after the last.
  doneBelow = Math.min(doneBelow, lastSeq);
  if (doneBelow > openSeq) await session.run(RAISE, doneBelow);
}

async function isOpen(session: Session, fromSeq: number, belowSeq: number): Promise<boolean> {
  return (await session.row(IS_OPEN, fromSeq, belowSeq))?.['is_open'] === true;
}
