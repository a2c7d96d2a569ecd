/**
 * A receiver for machines without nginx: answers 200 to everything, and counts. With a delay it is the receiver that
 * hangs, with another status the one that fails.
 */
import { createServer } from 'node:http';
import { answerQuestions, partOptions, tell } from './part.ts';

export interface FallbackReceiverOptions {
  readonly port: number;
  /** How long it keeps its answer back; none by default. */
  readonly delayMs?: number;
  /** Of its answers; 200 by default. */
  readonly status?: number;
}

const { port, delayMs, status = 200 } = partOptions() as FallbackReceiverOptions;
let received = 0;

const server = createServer((request, response) => {
  received++;
  request.resume();
  const answer = () => response.writeHead(status, { 'content-length': 0 }).end();
  if (delayMs === undefined) answer();
  else setTimeout(answer, delayMs);
});
server.keepAliveTimeout = 600_000;
server.listen({ host: '127.0.0.1', port, backlog: 4096 }, () => tell({ port }));
answerQuestions(() => ({ received }));
