/** Everything the program writes to its log, in one place. No secret and no payload is ever in it. */
import { createRequire } from 'node:module';
import type { Logger, pino } from 'pino';
import type { EngineLog } from '../engine/engine-log.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import type { MailLog } from '../notifications/mailer.ts';
import type { HttpLog } from '../http/http-log.ts';
import type { OutboxLog } from '../outbox/relay.ts';

export interface Log extends EngineLog, MailLog, HttpLog, OutboxLog {
  /** Everything is read from the database itself. */
  replicaLeft(reason: string): void;
  replicaUsed(): void;
  stopping(signal: string, graceS: number): void;
  stopped(): void;
}

/** JSON lines on standard error; `level` is one of pino's. */
export function createLog(level: string): Log {
  let made: Logger | undefined;
  // Loaded with the first line: a server that has nothing to say does without its 10 MiB.
  const logger = (): Logger => {
    made ??= makeLogger(level);
    return made;
  };
  return {
    claimFailed: (err) =>
      logger().warn({ err }, 'due deliveries could not be claimed; trying again'),
    releaseFailed: (err) =>
      logger().warn({ err }, 'deliveries could not be given back; they stay in this process'),
    cancelFailed: (err) =>
      logger().warn(
        { err },
        'a delivery to a disabled destination could not be canceled; it stays pending until the next start',
      ),
    recordFailed: (err, held) =>
      logger().error(
        { err, held },
        'outcomes could not be written; no attempt starts until they are',
      ),
    recordResumed: () => logger().info('outcomes are written again'),
    outcomeDropped: (err, deliveryId) =>
      logger().error(
        { err, deliveryId },
        'an outcome was refused again and again; its delivery is attempted again after the next start',
      ),
    mailFailed: (reason, err) =>
      logger().warn({ err, reason }, 'a mail could not be sent; trying again later'),
    mailGivenUp: (reason, tenantId, err) =>
      logger().error({ err, reason, tenantId }, 'a mail was given up'),
    noticeFailed: (topic, err) =>
      logger().warn({ err, topic }, 'a notice could not be told; trying again'),
    noticeDropped: (topic, tenantId, destinationId) =>
      logger().error({ topic, tenantId, destinationId }, 'too many notices wait; one was dropped'),
    destinationEnded: (tenantId, destinationId, reason) =>
      logger().warn({ tenantId, destinationId, reason }, 'a destination was ended by its rule'),
    destinationEndFailed: (tenantId, destinationId, err) =>
      logger().warn(
        { err, tenantId, destinationId },
        'a destination could not be ended; its next failure tries again',
      ),
    serviceFailed: (service, err) =>
      logger().warn({ err, service }, 'a round of a service failed; trying again'),
    destinationUnusable: (tenantId, destinationId, err) =>
      logger().error(
        { err, tenantId, destinationId },
        'a destination’s configuration or secrets cannot be used',
      ),
    filterGaveUp: (tenantId, destinationId, topic) =>
      logger().warn(
        { tenantId, destinationId, topic },
        'a destination’s filter takes too many steps with an event, and so did not match it',
      ),
    schemaViolated: (topic, count, { pointer, message }) =>
      logger().warn(
        { topic, count, pointer, problem: message },
        'events were not of their topic’s schema; they were accepted',
      ),
    schemaUnusable: (topic, reason) =>
      logger().error(
        { topic, reason },
        'a topic’s schema cannot be used; nothing of it is checked',
      ),
    requestFailed(requestId, method, route, err) {
      // The medium's refusal is no riddle, and comes with every request for as long as it lasts.
      if (err instanceof StorageUnavailableError) {
        logger().warn(
          { reason: err.message, requestId, method, route },
          'the database took nothing',
        );
      } else logger().error({ err, requestId, method, route }, 'a request failed');
    },
    signInsRefused: (address) =>
      logger().warn({ address }, 'wrong keys or tokens come again and again from an address'),
    outboxAway: (outbox, reason) =>
      logger().warn({ outbox, reason }, 'an outbox cannot be relayed; trying again'),
    outboxBack: (outbox) => logger().info({ outbox }, 'an outbox is relayed again'),
    outboxRefused: (outbox, count, reason) =>
      logger().error(
        { outbox, count, reason },
        'events of an outbox were refused; they are in angarium_outbox_failed',
      ),
    replicaLeft: (reason) =>
      logger().warn({ reason }, 'the read replica is not used; the database itself is read'),
    replicaUsed: () => logger().info('lists and counts are read from the read replica'),
    stopping: (signal, graceS) =>
      logger().info({ signal, graceS }, 'stopping: nothing new is taken, what is under way ends'),
    stopped: () => logger().info('stopped; nothing was lost'),
  };
}

const require = createRequire(import.meta.url);

function makeLogger(level: string): Logger {
  const { pino: create } = require('pino') as { pino: typeof pino };
  return create(
    { level, base: null, timestamp: create.stdTimeFunctions.isoTime },
    create.destination({ dest: 2, sync: true }),
  );
}
