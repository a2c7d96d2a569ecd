/**
 * Publishes single events at a steady rate, whether or not the answers keep up (an open loop), and writes into each when
 * it was due, so that what waits for a connection is not forgotten.
 */
import { Pool } from 'undici';
import { eventData, publishBody, TOPIC } from './event.ts';
import { percentilesOf } from './figures.ts';
import type { Percentiles } from './figures.ts';
import { spreadData, spreadId } from './spread.ts';
import { partOptions, preciseNowMs, sleep, tell } from './part.ts';

export interface SteadyLoad {
  readonly origin: string;
  readonly headers: Record<string, string>;
  readonly tenantId: string;
  readonly perSecond: number;
  /** At the same rate, not measured. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Each event is for the next of so many destinations; `isAddressed`: by its id. */
  readonly spread?: { readonly destinations: number; readonly isAddressed: boolean };
}

export interface SteadyLoadResult {
  readonly accepted: number;
  readonly refused: number;
  /** From the moment at which each was due to its 202. */
  readonly acknowledged: Percentiles;
}

const CONNECTIONS = 64;
const options = partOptions() as SteadyLoad;
const pool = new Pool(options.origin, { connections: CONNECTIONS, pipelining: 1 });

let accepted = 0;
let refused = 0;
let turn = 0;
const acknowledgedMs: number[] = [];
const answers: Promise<void>[] = [];
const startMs = preciseNowMs();
const betweenMs = 1000 / options.perSecond;
const measuredFromMs = startMs + options.warmUpSeconds * 1000;
const endMs = measuredFromMs + options.seconds * 1000;

let dueMs = startMs;
while (dueMs < endMs) {
  for (; dueMs <= preciseNowMs() && dueMs < endMs; dueMs += betweenMs) answers.push(publish(dueMs));
  await sleep(1);
}
await Promise.all(answers);
tell({ accepted, refused, acknowledged: percentilesOf(acknowledgedMs) } satisfies SteadyLoadResult);

async function publish(eventDueMs: number): Promise<void> {
  const isMeasured = eventDueMs >= measuredFromMs;
  const index = turn++ % (options.spread?.destinations ?? 1);
  const data = eventData({
    due_ms: eventDueMs,
    is_measured: isMeasured,
    ...(options.spread === undefined ? {} : spreadData(index)),
  });
  const destinationId = options.spread?.isAddressed === true ? spreadId(index) : undefined;
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/api/v1/publish',
    headers: options.headers,
    body: publishBody(options.tenantId, TOPIC, data, destinationId),
  });
  await body.dump();
  if (statusCode !== 202) refused++;
  else {
    accepted++;
    if (isMeasured) acknowledgedMs.push(preciseNowMs() - eventDueMs);
  }
}
