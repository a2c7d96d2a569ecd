/**
 * Operator events: notices, published to the operator's own tenant by the engine itself, and delivered as any others
 * are. They are published only where that tenant has destinations. Attempts are told of to those destinations alone that
 * name their topic: `*` does not mean them, as there are as many of them as attempts.
 */
import { hash } from 'node:crypto';
import type { PublishRequest } from '../domain/event.ts';
import { noticeData } from '../domain/notice.ts';
import type { Notice } from '../domain/notice.ts';
import { OPERATOR_TENANT } from '../domain/operator-tenant.ts';
import { ALL_TOPICS, topicMatches } from '../domain/topic.ts';
import type { Publisher } from './publish.ts';
import type { RoutingTable } from './routing.ts';
import type { Target } from './target.ts';

type AttemptTopic = 'attempt.delivered' | 'attempt.failed';

export class OperatorEvents {
  readonly #publisher: Publisher;
  readonly #routing: RoutingTable;

  constructor(publisher: Publisher, routing: RoutingTable) {
    this.#publisher = publisher;
    this.#routing = routing;
  }

  /** A `NoticeListener`. */
  async publish(notice: Notice): Promise<void> {
    switch (notice.topic) {
      case 'attempt.delivered':
      case 'attempt.failed':
        for (const { id } of this.#wantAttempts(notice.topic))
          await this.#publisher.publish(requestOf(notice, id));
        return;
      case 'destination.failing':
      case 'destination.recovered':
      case 'destination.disabled':
      case 'destination.unsubscribed':
      case 'destination.expiring':
      case 'destination.expired':
      case 'delivery.failed': {
        const route = this.#routing.tenant(OPERATOR_TENANT);
        if (route === undefined || route.targets.size === 0) return;
        await this.#publisher.publish(requestOf(notice, null));
      }
    }
  }

  wantsAttempts(topic: AttemptTopic): boolean {
    return this.#wantAttempts(topic).length > 0;
  }

  #wantAttempts(topic: AttemptTopic): readonly Target[] {
    const route = this.#routing.tenant(OPERATOR_TENANT);
    if (route === undefined) return [];
    return [...route.targets.values()].filter(
      ({ enabled, topics }) =>
        enabled && topics.some((pattern) => pattern !== ALL_TOPICS && topicMatches(pattern, topic)),
    );
  }
}

/** The same notice has the same id: telling it twice publishes it once. */
function requestOf(notice: Notice, destinationId: string | null): PublishRequest {
  const { topic, tenantId, key, atMs } = notice;
  const identity = [topic, tenantId, notice.destinationId, key, destinationId ?? ''];
  return {
    tenantId: OPERATOR_TENANT,
    id: `opn_${hash('sha256', JSON.stringify(identity)).slice(0, 32)}`,
    topic,
    destinationId,
    timeMs: atMs,
    eligibleForRetry: true,
    metadata: null,
    resource: null,
    orderKey: null,
    deliverAtMs: null,
    test: false,
    data: Buffer.from(JSON.stringify(noticeData(notice))),
  };
}
