/**
 * What everything is compared with: undici alone, one thread, sending the very message that the server sends to the very
 * receiver that it sends to. No events, no database, no record.
 */
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { deliveredMessage } from './event.ts';
import { partOptions, sleep, tell } from './part.ts';

export interface BareLoopOptions {
  readonly origin: string;
  readonly concurrencies: readonly number[];
  /** Of each concurrency. */
  readonly seconds: number;
}

export interface BareLoopResult {
  readonly perSecond: number;
  readonly concurrency: number;
}

const { origin, concurrencies, seconds } = partOptions() as BareLoopOptions;
const WARM_UP = 0.3;
const { headers, body } = deliveredMessage();

let best: BareLoopResult = { perSecond: 0, concurrency: 0 };
for (const concurrency of concurrencies) {
  const perSecond = await measure(concurrency);
  if (perSecond > best.perSecond) best = { perSecond, concurrency };
}
tell(best);

async function measure(concurrency: number): Promise<number> {
  const pool = new Pool(origin, { connections: concurrency, pipelining: 1 });
  const request: Dispatcher.DispatchOptions = { method: 'POST', path: '/hook', headers, body };
  let answered = 0;
  const failures: Error[] = [];
  let isOver = false;
  const next = () => {
    if (!isOver) pool.dispatch(request, handler);
  };
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {},
    onResponseStart(_controller, status) {
      if (status !== 200) failures.push(new Error(`the receiver answered ${status}`));
    },
    onResponseData() {},
    onResponseEnd() {
      answered++;
      next();
    },
    onResponseError(_controller, error) {
      // What the end cuts off is no failure.
      if (!isOver) failures.push(error);
    },
  };
  for (let index = 0; index < concurrency; index++) next();
  await sleep(seconds * 1000 * WARM_UP);
  const start = { ms: performance.now(), answered };
  await sleep(seconds * 1000);
  const perSecond = ((answered - start.answered) / (performance.now() - start.ms)) * 1000;
  isOver = true;
  await pool.destroy();
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  return perSecond;
}
