/** The topic catalogue. */
import { topicAudit } from '../../domain/audit.ts';
import type { AuditSnapshot } from '../../domain/audit.ts';
import { entryText } from '../../domain/topic-catalogue.ts';
import type { TopicEntry } from '../../domain/topic-catalogue.ts';
import type { Storage } from '../storage.ts';
import type { StoredTopic } from '../topic-storage.ts';
import { writeAudit } from './audit.ts';
import type { Operation } from './operation.ts';
import type { Row } from './session.ts';
import type { WriteSession } from './write-session.ts';

const SELECT = 'SELECT name, definition, created_ms, updated_ms FROM topics';
const FIND = 'SELECT name, definition FROM topics WHERE name = ANY($1)';
const COUNT = 'SELECT count(*) AS count FROM topics';

const UPSERT = `
  INSERT INTO topics (name, definition, created_ms, updated_ms)
  SELECT name, definition, $3, $3 FROM unnest($1::text[], $2::text[]) AS new (name, definition)
  ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, updated_ms = excluded.updated_ms`;

// By the reckoning of routing: a pattern names no topic.
const NAMED_BY = `
  SELECT tenants.id AS tenant_id, destinations.id
  FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE deleted_ms IS NULL AND $1 = ANY(destinations.topics)
  ORDER BY destinations.no LIMIT $2`;

const VERSION = "SELECT value FROM meta WHERE name = 'catalogue_version'";

/** A change is later than every other, also of a catalogue that is put back from a copy. */
const RAISE_VERSION = `
  INSERT INTO meta (name, value) VALUES ('catalogue_version', $1)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

/** Enough to know where to look. */
const MAX_SHOWN_USERS = 5;

export const topicPut: Operation<Storage['topicPut'], WriteSession> = async (
  session,
  { topics, maxTopics, author = null },
) => {
  const names = topics.map(({ name }) => name);
  const known = new Map(
    (await session.rows(FIND, names)).map((row) => [String(row['name']), row['definition']]),
  );
  const found = topics.map((topic) => ({
    topic,
    before: known.get(topic.name),
    after: entryText(topic),
  }));
  const created = found.filter(({ before }) => before === undefined);
  const count = Number((await session.row(COUNT))?.['count']);
  if (created.length > 0 && count + created.length > maxTopics) return { kind: 'too_many' };
  const changed = found.filter(({ before, after }) => before !== undefined && before !== after);
  const written = [...created, ...changed];
  if (written.length > 0) {
    const texts = written.map(({ after }) => after);
    await session.run(UPSERT, written.map(nameOf), texts, session.clock.nowMs());
    await raiseVersion(session);
  }
  for (const { topic, before, after } of author === null ? [] : written) {
    if (author !== null)
      await writeAudit(session, topicAudit(author, topic.name, snapshot(before), snapshot(after)));
  }
  return { kind: 'done', created: created.map(nameOf), changed: changed.map(nameOf) };
};

export const topicDelete: Operation<Storage['topicDelete'], WriteSession> = async (
  session,
  { name, force, author = null },
) => {
  const before = await session.row(FIND, [name]);
  if (before === undefined) return { kind: 'unknown' };
  const users = force ? [] : await session.rows(NAMED_BY, name, MAX_SHOWN_USERS);
  if (users.length > 0) {
    const destinations = users.map((row) => ({
      tenantId: String(row['tenant_id']),
      id: String(row['id']),
    }));
    return { kind: 'in_use', destinations };
  }
  await session.run('DELETE FROM topics WHERE name = $1', name);
  if (author !== null)
    await writeAudit(session, topicAudit(author, name, snapshot(before['definition']), null));
  await raiseVersion(session);
  return { kind: 'deleted' };
};

export const topicList: Operation<Storage['topicList']> = async (session, { unlessVersion }) => {
  const version = Number((await session.row(VERSION))?.['value'] ?? 0);
  if (version === unlessVersion) return null;
  const rows = await session.rows(`${SELECT} ORDER BY name`);
  return { version, topics: rows.map(storedTopic) };
};

function snapshot(definition: unknown): AuditSnapshot | null {
  // JSON that this driver has written.
  return definition === undefined ? null : (JSON.parse(String(definition)) as AuditSnapshot);
}

function nameOf({ topic }: { readonly topic: TopicEntry }): string {
  return topic.name;
}

async function raiseVersion(session: WriteSession): Promise<void> {
  await session.run(RAISE_VERSION, String(await session.takeSeqs(1)));
}

function storedTopic(row: Row): StoredTopic {
  return {
    name: String(row['name']),
    // The column is JSON that this driver has written.
    ...(JSON.parse(String(row['definition'])) as Omit<TopicEntry, 'name'>),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
  };
}
