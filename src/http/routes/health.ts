/** Is it alive, and can it take publishes? Open without a key. */
import type { FastifyInstance } from 'fastify';
import { formatTime } from '../time.ts';
import type { ServerParts } from '../server-parts.ts';
import { object, oneOf, record, string } from '../schemas/json-schema.ts';

/** A write that takes longer counts as none. */
const WRITE_TIMEOUT_MS = 2000;
const ASK_EVERY_MS = 1000;

const Health = object({
  status: oneOf(['healthy', 'unhealthy']),
  timestamp: string(),
  workers: record(object({ status: string() })),
});

export function healthRoutes(server: FastifyInstance, { engine, outboxes }: ServerParts): void {
  const { clock, storage } = engine;
  let askedMs = -Infinity;
  let answer = Promise.resolve(true);
  for (const [path, operationId] of [
    ['/healthz', 'health.alive'],
    ['/api/v1/healthz', 'health.get'],
  ] as const) {
    server.get(
      path,
      {
        config: { operation: 'health.get' },
        schema: {
          operationId,
          tags: ['health'],
          summary: 'Is the process alive?',
          response: { 200: Health, 503: Health },
        },
      },
      async (_request, reply) => {
        const database = await canWrite();
        return reply.status(database ? 200 : 503).send(health(database));
      },
    );
  }

  server.get(
    '/readyz',
    {
      config: { operation: 'health.get' },
      schema: {
        operationId: 'health.ready',
        tags: ['health'],
        summary: 'Can it take publishes?',
        description:
          'Writes to the database, and so is 503 while the disk is full or the database is gone.',
        response: { 200: Health, 503: Health },
      },
    },
    async (_request, reply) => {
      const database = await canWrite();
      return reply.status(database ? 200 : 503).send(health(database));
    },
  );

  function health(database: boolean) {
    const status = database ? 'healthy' : 'unhealthy';
    return {
      status,
      timestamp: formatTime(clock.nowMs()),
      workers: { database: { status }, delivery: { status }, ...outbox() },
    };
  }

  /** An application’s database that is away keeps nobody from publishing here. */
  function outbox() {
    if (outboxes === undefined) return {};
    const isUp = outboxes.measures().every((each) => each.isUp);
    return { outbox: { status: isUp ? 'healthy' : 'unhealthy' } };
  }

  /** Asked at most once a second, however many ask: nobody needs a key for it. */
  function canWrite(): Promise<boolean> {
    const nowMs = clock.monotonicMs();
    if (nowMs - askedMs >= ASK_EVERY_MS) {
      askedMs = nowMs;
      answer = askStorage();
    }
    return answer;
  }

  function askStorage(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = clock.schedule(WRITE_TIMEOUT_MS, () => resolve(false));
      storage.ping().then(
        () => {
          timer.cancel();
          resolve(true);
        },
        () => {
          timer.cancel();
          resolve(false);
        },
      );
    });
  }
}
