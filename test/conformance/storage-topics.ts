/** The topic catalogue. */
import { describe, expect, it } from 'vitest';

import type { TopicEntry } from '../../src/domain/topic-catalogue.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { StoredTopic } from '../../src/storage/topic-storage.ts';
import { topicOf } from '../support/catalogue-fixtures.ts';
import {
  ALL_AUDIT,
  insertDestination,
  newTenantId,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

const MAX = 100;

const FULL: TopicEntry = {
  name: 'room.created',
  description: 'A room, ä 😀',
  schema: { type: 'object', properties: { n: { type: 'integer' } } },
  sample: { n: 1 },
  deprecated: true,
  enforcement: 'reject',
};

async function all(storage: Storage): Promise<{ version: number; topics: StoredTopic[] }> {
  const found = await storage.topicList({ unlessVersion: null });
  if (found === null) throw new Error('a list of any version is always there');
  return found;
}

async function names(storage: Storage): Promise<string[]> {
  return (await all(storage)).topics.map(({ name }) => name);
}

export function describeTopics(driver: StorageDriver): void {
  describe('topics', () => {
    it('keeps them as they were given, by name, over a restart', () =>
      withDatabase(driver, async (db) => {
        expect((await all(db.storage)).topics).toEqual([]);
        const before = db.nowMs();
        const put = await db.storage.topicPut({ topics: [FULL, topicOf('a.b')], maxTopics: MAX });
        expect(put).toEqual({ kind: 'done', created: ['room.created', 'a.b'], changed: [] });
        const { topics, version } = await all(db.storage);
        const [first, second] = topics;
        const times = { createdAtMs: first?.createdAtMs, updatedAtMs: first?.createdAtMs };
        expect(topics).toEqual([
          { ...topicOf('a.b'), ...times },
          { ...FULL, ...times },
        ]);
        expect(second?.createdAtMs).toBeGreaterThanOrEqual(before);
        const restarted = await db.restart();
        expect(await all(restarted)).toEqual({ topics, version });
      }));

    it('raises the version with each change, and only then', () =>
      withDatabase(driver, async (db) => {
        const versions = [(await all(db.storage)).version];
        const note = async () => versions.push((await all(db.storage)).version);
        await db.storage.topicPut({ topics: [FULL], maxTopics: MAX });
        await note();
        const { version, topics } = await all(db.storage);
        expect(await db.storage.topicList({ unlessVersion: version })).toBeNull();

        await db.tick();
        const same = await db.storage.topicPut({ topics: [FULL], maxTopics: MAX });
        expect(same).toEqual({ kind: 'done', created: [], changed: [] });
        expect(await all(db.storage)).toEqual({ version, topics });

        const changed = { ...FULL, description: 'Other' };
        const put = await db.storage.topicPut({ topics: [changed], maxTopics: MAX });
        expect(put).toEqual({ kind: 'done', created: [], changed: ['room.created'] });
        expect(await db.storage.topicList({ unlessVersion: version })).not.toBeNull();
        const [after] = (await all(db.storage)).topics;
        expect(after).toMatchObject({ ...changed, createdAtMs: topics[0]?.createdAtMs });
        expect(after?.updatedAtMs).toBeGreaterThan(topics[0]?.updatedAtMs ?? Infinity);
        await note();
        await db.storage.topicDelete({ name: FULL.name, force: false });
        await note();
        expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
      }));

    it('writes an entry of the audit log for each that changes, where somebody asked for it', () =>
      withDatabase(driver, async (db) => {
        const author = {
          atMs: 1,
          actor: { kind: 'operator', id: null, name: 'configuration' },
          address: '127.0.0.1',
          requestId: 'req_1',
        } as const;
        const put = (topics: TopicEntry[]) =>
          db.storage.topicPut({ topics, maxTopics: MAX, author });
        await db.storage.topicPut({ topics: [topicOf('silent')], maxTopics: MAX });
        await put([topicOf('a'), topicOf('silent')]);
        await put([topicOf('a', { description: 'Other' })]);
        await db.storage.topicDelete({ name: 'a', force: false, author });
        await db.storage.topicDelete({ name: 'silent', force: false });
        const page = { limit: 10, order: 'asc', from: null } as const;
        const { rows } = await db.storage.auditList({ ...ALL_AUDIT, page });
        expect(
          rows.map(({ action, before, after }) => [action, before !== null, after !== null]),
        ).toEqual([
          ['topic.created', false, true],
          ['topic.updated', true, true],
          ['topic.deleted', true, false],
        ]);
        expect(rows[1]).toMatchObject({
          ...author,
          tenantId: null,
          resource: { kind: 'topic', id: 'a' },
          before: { description: '' },
          after: { description: 'Other', enforcement: 'off' },
        });
      }));

    it('takes as many as there may be, and of more none', () =>
      withDatabase(driver, async (db) => {
        const put = (...wanted: string[]) =>
          db.storage.topicPut({ topics: wanted.map((name) => topicOf(name)), maxTopics: 3 });
        await put('a', 'b');
        expect(await put('b', 'c', 'd')).toEqual({ kind: 'too_many' });
        expect(await names(db.storage)).toEqual(['a', 'b']);
        expect(await put('b', 'c')).toMatchObject({ kind: 'done', created: ['c'] });
        expect(await names(db.storage)).toEqual(['a', 'b', 'c']);
      }));

    it('deletes what no destination names', () =>
      withDatabase(driver, async (db) => {
        const tenantId = await seedTenant(db.storage);
        await insertDestination(db.storage, tenantId, 'all', { topics: ['*'] });
        await insertDestination(db.storage, tenantId, 'pattern', { topics: ['user.*', 'other'] });
        await db.storage.topicPut({ topics: [topicOf('user.created')], maxTopics: MAX });
        const query = { name: 'user.created', force: false };
        expect(await db.storage.topicDelete(query)).toEqual({ kind: 'deleted' });
        expect(await db.storage.topicDelete(query)).toEqual({ kind: 'unknown' });
        expect(await names(db.storage)).toEqual([]);
      }));

    it('keeps what destinations name, and says which, unless it is forced', () =>
      withDatabase(driver, async (db) => {
        const one = await seedTenant(db.storage);
        const other = newTenantId();
        await db.storage.tenantUpsert({ id: other, metadata: {} });
        await insertDestination(db.storage, one, 'x', { topics: ['a', 'user.created'] });
        await insertDestination(db.storage, other, 'y', { topics: ['user.created'] });
        await insertDestination(db.storage, other, 'gone', { topics: ['user.created'] });
        await db.storage.destinationDelete({ tenantId: other, id: 'gone' });
        await db.storage.topicPut({ topics: [topicOf('user.created')], maxTopics: MAX });
        const { version } = await all(db.storage);
        expect(await db.storage.topicDelete({ name: 'user.created', force: false })).toEqual({
          kind: 'in_use',
          destinations: [
            { tenantId: one, id: 'x' },
            { tenantId: other, id: 'y' },
          ],
        });
        expect(await db.storage.topicList({ unlessVersion: version })).toBeNull();
        const forced = await db.storage.topicDelete({ name: 'user.created', force: true });
        expect(forced).toEqual({ kind: 'deleted' });
        expect(await names(db.storage)).toEqual([]);
      }));
  });
}
