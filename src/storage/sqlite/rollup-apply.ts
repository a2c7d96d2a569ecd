/** The second half of a roll-up: adds the rows of a slice to the tables, in one transaction with how far that came. */
import { MINUTE_S } from '../../domain/granularity.ts';
import { mergeLatencies } from '../../domain/latency-histogram.ts';
import { MAX_TOPICS_TOLD_APART } from '../../domain/metrics.ts';
import type { WriteContext } from './context.ts';
import { FlatReader } from './flat.ts';
import type { Flat } from './flat.ts';
import { CUBES } from '../rollup-count.ts';

const PROGRESS = 'SELECT from_seq, after_key, minutes_from_s FROM rollup_progress';
const ADVANCE = 'UPDATE rollup_progress SET from_seq = ?, to_seq = ?, after_key = ?';

const ADD_EVENTS = `
  INSERT INTO event_rollups (width_s, start_s, tenant_no, destination_no, topic_no, count)
  VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET count = count + excluded.count`;

const ADD_ATTEMPTS = `
  INSERT INTO attempt_rollups (width_s, cube, start_s, tenant_no, destination_no, topic_no, code, failed, manual, number,
                               count, failed_count, first_count, manual_count, number_sum, latency)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET
    count = count + excluded.count, failed_count = failed_count + excluded.failed_count,
    first_count = first_count + excluded.first_count, manual_count = manual_count + excluded.manual_count,
    number_sum = number_sum + excluded.number_sum, latency = merge_latencies(latency, excluded.latency)`;

const TENANT = 'SELECT 1 FROM tenants WHERE no = ?';
const TOPIC = 'SELECT no FROM rollup_topics WHERE topic = ?';
const ADD_TOPIC = `
  INSERT INTO rollup_topics (topic)
  SELECT ? WHERE (SELECT max(no) FROM rollup_topics) < ${MAX_TOPICS_TOLD_APART} RETURNING no`;

/** `false`: the slice was read before another one was written, and is not. */
export function rollUpApply(context: WriteContext): (slice: Flat) => boolean {
  context.db.function('merge_latencies', { deterministic: true }, (one, other) =>
    one instanceof Uint8Array && other instanceof Uint8Array ? mergeLatencies(one, other) : null,
  );
  return (slice) => {
    const read = new FlatReader(slice);
    const fromSeq = read.number();
    const toSeq = read.number();
    const afterKey = read.text();
    const lastKey = read.text();
    const isLast = read.flag();
    const progress = context.statement(PROGRESS).get();
    if (progress?.['from_seq'] !== fromSeq || progress['after_key'] !== afterKey) return false;

    const minutesFromS = Number(progress['minutes_from_s']);
    const tenants = new Map<number, boolean>();
    const isWanted = (widthS: number, startS: number, tenantNo: number): boolean => {
      let exists = tenants.get(tenantNo);
      // What is still counted of a deleted tenant would be erased by nobody.
      exists ??= context.statement(TENANT).get(tenantNo) !== undefined;
      tenants.set(tenantNo, exists);
      return exists && (widthS !== MINUTE_S || startS >= minutesFromS);
    };
    for (let left = read.number(); left > 0; left--) {
      if (read.flag()) addAttempts(context, read, isWanted);
      else addEvents(context, read, isWanted);
    }
    if (isLast) context.statement(ADVANCE).run(toSeq, toSeq, '');
    else context.statement(ADVANCE).run(fromSeq, toSeq, lastKey);
    return true;
  };
}

type IsWanted = (widthS: number, startS: number, tenantNo: number) => boolean;

function addEvents(context: WriteContext, read: FlatReader, isWanted: IsWanted): void {
  const [widthS, startS, tenantNo] = [read.number(), read.number(), read.number()];
  const destinationNo = read.number();
  const topic = read.text();
  const count = read.number();
  if (!isWanted(widthS, startS, tenantNo)) return;
  context
    .statement(ADD_EVENTS)
    .run(widthS, startS, tenantNo, destinationNo, topicNo(context, topic), count);
}

function addAttempts(context: WriteContext, read: FlatReader, isWanted: IsWanted): void {
  const [widthS, cube, startS] = [read.number(), read.number(), read.number()];
  const tenantNo = read.number();
  const destinationNo = read.number();
  const topic = read.text();
  const code = read.text();
  const numbers = Array.from({ length: 8 }, () => read.number());
  const latency = read.bytes();
  if (!isWanted(widthS, startS, tenantNo)) return;
  const no = cube === CUBES.everything ? topicNo(context, topic) : 0;
  context
    .statement(ADD_ATTEMPTS)
    .run(widthS, cube, startS, tenantNo, destinationNo, no, code, ...numbers, latency);
}

/** A number for the topic; 0 where there are too many. */
function topicNo(context: WriteContext, topic: string): number {
  const row = context.statement(TOPIC).get(topic) ?? context.statement(ADD_TOPIC).get(topic);
  return Number(row?.['no'] ?? 0);
}
