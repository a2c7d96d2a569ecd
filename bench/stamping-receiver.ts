/**
 * A receiver that notes when each message arrives: how long after the event came in (its `timestamp`, which the server
 * takes inside the commit, in whole milliseconds) and how long after it was due to be published (written into its data
 * by publish-steadily.ts). It answers 200.
 */
import { createServer } from 'node:http';
import { percentilesOf } from './figures.ts';
import type { Percentiles } from './figures.ts';
import { answerQuestions, partOptions, preciseNowMs, tell } from './part.ts';

export interface Stamps {
  /** All messages, also those of the warm-up. */
  readonly received: number;
  /** On the wall clock; `null`: none yet. */
  readonly firstAtMs: number | null;
  /** Of those that are measured. */
  readonly sinceIngestion: Percentiles;
  readonly sinceDue: Percentiles;
}

interface Message {
  readonly timestamp: string;
  readonly data: { readonly due_ms?: number; readonly is_measured?: boolean };
}

partOptions();
let received = 0;
let firstAtMs: number | null = null;
const sinceIngestion: number[] = [];
const sinceDue: number[] = [];

const server = createServer((request, response) => {
  const arrivedMs = preciseNowMs();
  received++;
  firstAtMs ??= arrivedMs;
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    response.writeHead(200, { 'content-length': 0 }).end();
    note(arrivedMs, JSON.parse(Buffer.concat(chunks).toString()) as Message);
  });
});
server.keepAliveTimeout = 600_000;
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') tell({ port: address.port });
});
answerQuestions((): Stamps => ({
  received,
  firstAtMs,
  sinceIngestion: percentilesOf(sinceIngestion),
  sinceDue: percentilesOf(sinceDue),
}));

function note(arrivedMs: number, { timestamp, data }: Message): void {
  if (data.is_measured !== true || data.due_ms === undefined) return;
  sinceIngestion.push(arrivedMs - Date.parse(timestamp));
  sinceDue.push(arrivedMs - data.due_ms);
}
