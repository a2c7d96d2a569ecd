/** A receiver for machines without nginx: answers 200 to everything, and counts. */
import { createServer } from 'node:http';
import { answerQuestions, partOptions, tell } from './part.ts';

partOptions();
let received = 0;

const server = createServer((request, response) => {
  received++;
  request.resume();
  response.writeHead(200, { 'content-length': 0 }).end();
});
server.keepAliveTimeout = 600_000;
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') tell({ port: address.port });
});
answerQuestions(() => ({ received }));
