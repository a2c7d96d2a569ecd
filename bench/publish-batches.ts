/** Publishes batches over a few connections, each the next when the last was answered: for a time, or a number of events. */
import { Pool } from 'undici';
import { batchBody } from './event.ts';
import { partOptions, sleep, tell } from './part.ts';

export interface BatchLoad {
  readonly origin: string;
  readonly headers: Record<string, string>;
  readonly tenantIds: readonly string[];
  readonly connections: number;
  readonly eventsPerBatch: number;
  /** Each batch is for all tenants in turn; else it is for one, and the next for the next. */
  readonly isMixed?: boolean;
  /**
   * Begins so long after it was started, and has published one batch over each connection by then, so that neither its own
   * start nor the first batch that the server ever read is measured.
   */
  readonly afterSeconds?: number;
  /** Ends after that time, or after so many events, whichever comes first. */
  readonly seconds: number;
  readonly maxEvents?: number;
}

export interface BatchLoadResult {
  readonly accepted: number;
  /** Answers other than 202, and events refused inside of one. */
  readonly refused: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
  readonly firstRefusal: string | null;
}

const options = partOptions() as BatchLoad;
const pool = new Pool(options.origin, {
  connections: options.connections,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
});
const batches =
  options.isMixed === true ? [options.tenantIds] : options.tenantIds.map((id) => [id]);
const bodies = batches.map((ids) => Buffer.from(batchBody(ids, options.eventsPerBatch)));

let begun = 0;
let next = 0;
let accepted = 0;
let refused = 0;
let firstRefusal: string | null = null;
if (options.afterSeconds !== undefined) {
  const begins = sleep(options.afterSeconds * 1000);
  await Promise.all(Array.from({ length: options.connections }, publishOne));
  await begins;
}
const start = performance.now();
const endMs = start + options.seconds * 1000;
const maxBatches = Math.ceil((options.maxEvents ?? Infinity) / options.eventsPerBatch);

await Promise.all(Array.from({ length: options.connections }, publishOnAndOn));
const result: BatchLoadResult = {
  accepted,
  refused,
  seconds: (performance.now() - start) / 1000,
  firstRefusal,
};
tell(result);

async function publishOnAndOn(): Promise<void> {
  while (performance.now() < endMs && begun < maxBatches) {
    begun++;
    const { statusCode, text } = await publishOne();
    const errors = statusCode === 202 ? text.split('"error":').length - 1 : options.eventsPerBatch;
    accepted += options.eventsPerBatch - errors;
    refused += errors;
    if (errors > 0) firstRefusal ??= `${statusCode} ${text.slice(0, 300)}`;
  }
}

async function publishOne(): Promise<{ statusCode: number; text: string }> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/api/v1/publish/batch',
    headers: options.headers,
    body: bodies[next++ % bodies.length] ?? '',
  });
  return { statusCode, text: await body.text() };
}
