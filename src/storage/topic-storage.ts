/** The part of the storage port that keeps the topic catalogue; what storage.ts says of all methods holds here too. */
import type { AuditAuthor } from '../domain/audit.ts';
import type { TopicEntry } from '../domain/topic-catalogue.ts';

export interface TopicStorage {
  /**
   * Creates topics, or replaces what is there under their names; all of them or none. A change raises the catalogue's
   * version; what is the same already changes nothing, its time neither. `author`: of the audit log's entries, one for
   * each that changes; see `topicAudit`.
   */
  topicPut(query: {
    topics: readonly TopicEntry[];
    maxTopics: number;
    author?: AuditAuthor | null;
  }): Promise<TopicPutOutcome>;
  /** `in_use`: destinations name it, the oldest few of which are told; with `force` it goes all the same. */
  topicDelete(query: {
    name: string;
    force: boolean;
    author?: AuditAuthor | null;
  }): Promise<TopicDeleteOutcome>;
  /** All topics by name, and the version that they are of; `null` where it is still `unlessVersion`. */
  topicList(query: {
    unlessVersion: number | null;
  }): Promise<{ version: number; topics: StoredTopic[] } | null>;
}

export interface StoredTopic extends TopicEntry {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export type TopicPutOutcome =
  | {
      readonly kind: 'done';
      readonly created: readonly string[];
      readonly changed: readonly string[];
    }
  | { readonly kind: 'too_many' };

export type TopicDeleteOutcome =
  | { readonly kind: 'deleted' | 'unknown' }
  | {
      readonly kind: 'in_use';
      readonly destinations: readonly { readonly tenantId: string; readonly id: string }[];
    };
