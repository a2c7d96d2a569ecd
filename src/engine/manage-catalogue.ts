/** Changing the catalogue; without an author, nothing of it is in the audit log. Each change is in this node's memory before it is answered, so it counts for the next publish. */
import type { AuditAuthor } from '../domain/audit.ts';
import { MAX_TOPICS } from '../domain/topic-catalogue.ts';
import type { TopicEntry } from '../domain/topic-catalogue.ts';
import type { TopicDeleteOutcome, TopicPutOutcome } from '../storage/topic-storage.ts';
import type { Engine } from './engine.ts';

type CatalogueKeeper = Pick<Engine, 'storage' | 'catalogue'>;

export async function putTopics(
  { storage, catalogue }: CatalogueKeeper,
  topics: readonly TopicEntry[],
  author: AuditAuthor | null = null,
): Promise<TopicPutOutcome> {
  const outcome = await storage.topicPut({ topics, maxTopics: MAX_TOPICS, author });
  await catalogue.refresh();
  return outcome;
}

export async function deleteTopic(
  { storage, catalogue }: CatalogueKeeper,
  query: { readonly name: string; readonly force: boolean; readonly author: AuditAuthor },
): Promise<TopicDeleteOutcome> {
  const outcome = await storage.topicDelete(query);
  await catalogue.refresh();
  return outcome;
}
