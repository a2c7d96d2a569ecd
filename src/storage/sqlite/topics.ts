/** The topic catalogue. */
import { topicAudit } from '../../domain/audit.ts';
import type { AuditSnapshot } from '../../domain/audit.ts';
import { entryText } from '../../domain/topic-catalogue.ts';
import type { TopicEntry } from '../../domain/topic-catalogue.ts';
import type { Storage } from '../storage.ts';
import type { StoredTopic } from '../topic-storage.ts';
import { writeAudit } from './audit.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';

const SELECT = 'SELECT name, definition, created_ms, updated_ms FROM topics';

const UPSERT = `
  INSERT INTO topics (name, definition, created_ms, updated_ms) VALUES (?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, updated_ms = excluded.updated_ms`;

// By the reckoning of routing: a pattern names no topic.
const NAMED_BY = `
  SELECT tenants.id AS tenant_id, destinations.id
  FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE deleted_ms IS NULL
    AND EXISTS (SELECT 1 FROM json_each(definition, '$.topics') AS topic WHERE topic.value = ?)
  ORDER BY destinations.no LIMIT ?`;

const VERSION = "SELECT value FROM meta WHERE name = 'catalogue_version'";

/** A change is later than every other, also of a catalogue that is put back from a copy. */
const RAISE_VERSION =
  "INSERT OR REPLACE INTO meta (name, value) VALUES ('catalogue_version', CAST(? AS TEXT))";

export function topicPut(context: WriteContext): Operation<Storage['topicPut']> {
  return ({ topics, maxTopics, author = null }) => {
    const find = context.statement('SELECT definition FROM topics WHERE name = ?');
    const found = topics.map((topic) => ({
      topic,
      before: find.get(topic.name)?.['definition'],
      after: entryText(topic),
    }));
    const created = found.filter(({ before }) => before === undefined);
    const count = Number(
      context.statement('SELECT count(*) AS count FROM topics').get()?.['count'],
    );
    if (created.length > 0 && count + created.length > maxTopics) return { kind: 'too_many' };
    const changed = found.filter(({ before, after }) => before !== undefined && before !== after);
    const nowMs = context.clock.nowMs();
    for (const { topic, before, after } of [...created, ...changed]) {
      context.statement(UPSERT).run(topic.name, after, nowMs, nowMs);
      if (author !== null)
        writeAudit(context, topicAudit(author, topic.name, snapshot(before), snapshot(after)));
    }
    if (created.length + changed.length > 0) raiseVersion(context);
    return { kind: 'done', created: created.map(nameOf), changed: changed.map(nameOf) };
  };
}

export function topicDelete(context: WriteContext): Operation<Storage['topicDelete']> {
  return ({ name, force, author = null }) => {
    const before = context.statement('SELECT definition FROM topics WHERE name = ?').get(name);
    if (before === undefined) return { kind: 'unknown' };
    const users = force ? [] : context.statement(NAMED_BY).all(name, MAX_SHOWN_USERS);
    if (users.length > 0) {
      return {
        kind: 'in_use',
        destinations: users.map((row) => ({
          tenantId: String(row['tenant_id']),
          id: String(row['id']),
        })),
      };
    }
    context.statement('DELETE FROM topics WHERE name = ?').run(name);
    if (author !== null)
      writeAudit(context, topicAudit(author, name, snapshot(before['definition']), null));
    raiseVersion(context);
    return { kind: 'deleted' };
  };
}

export function topicList(context: ReadContext): Operation<Storage['topicList']> {
  return ({ unlessVersion }) => {
    // First: topics that are newer than the version are only read once more.
    const version = Number(context.statement(VERSION).get()?.['value'] ?? 0);
    if (version === unlessVersion) return null;
    return {
      version,
      topics: context.statement(`${SELECT} ORDER BY name`).all().map(storedTopic),
    };
  };
}

/** Enough to know where to look. */
const MAX_SHOWN_USERS = 5;

function snapshot(definition: unknown): AuditSnapshot | null {
  // JSON that this driver has written.
  return definition === undefined ? null : (JSON.parse(String(definition)) as AuditSnapshot);
}

function nameOf({ topic }: { readonly topic: TopicEntry }): string {
  return topic.name;
}

function raiseVersion(context: WriteContext): void {
  context.statement(RAISE_VERSION).run(context.nextSeq());
}

function storedTopic(row: Record<string, unknown>): StoredTopic {
  return {
    name: String(row['name']),
    // The column is JSON that this driver has written.
    ...(JSON.parse(String(row['definition'])) as Omit<TopicEntry, 'name'>),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
  };
}
