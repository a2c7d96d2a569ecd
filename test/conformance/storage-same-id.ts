/** `publish` with an id that was there before: answered as the first, or refused. */
import { describe, expect, it } from 'vitest';

import type { NewEvent } from '../../src/storage/storage.ts';
import {
  ALL_EVENTS,
  eventFor,
  jsonBytes,
  outcomesOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

export function describeSameId(driver: StorageDriver): void {
  describe('the same id', () => {
    const db = shareDatabase(driver);

    it('answers the same id again with the destinations of the first, whatever came since', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b', 'later');
      const first = await eventFor(db.storage, tenantId, {
        id: 'x',
        to: ['b'],
        toClaimed: ['a'],
      });
      const [stored] = await outcomesOf(db.storage, first);
      if (stored?.kind !== 'stored') throw new Error('not stored');
      await db.storage.retryByHand({
        tenantId,
        eventSeq: stored.seq,
        destinationId: 'later',
        nowMs: db.nowMs(),
      });
      await db.storage.destinationDelete({ tenantId, id: 'b' });

      const stale = { ...first, destinations: [] };
      const fresh = await eventFor(db.storage, tenantId, { id: 'x', to: ['later'] });
      const duplicate = { kind: 'duplicate', destinationIds: ['b', 'a'] };
      expect(await outcomesOf(db.storage, stale, fresh)).toEqual([duplicate, duplicate]);
      const { rows } = await db.storage.eventList({ ...ALL_EVENTS, tenantIds: [tenantId] });
      expect(rows).toHaveLength(1);
    });

    const DIFFERENCES: [string, Partial<NewEvent>][] = [
      ['topic', { topic: 'room.deleted' }],
      ['metadata', { metadata: '{"a":"2"}' }],
      ['missing metadata', { metadata: null }],
      ['a resource', { resource: '{"urn":"urn:r:1"}' }],
      ['requested destination', { requestedDestinationId: 'b' }],
      ['missing requested destination', { requestedDestinationId: null }],
      ['data', { data: jsonBytes({ room: 2 }) }],
      ['data with more white space', { data: new TextEncoder().encode('{"room": 1}') }],
    ];

    it.each(DIFFERENCES)('refuses the same id with another %s', async (_, difference) => {
      const tenantId = await seedTenant(db.storage, 'a');
      const first = await eventFor(db.storage, tenantId, {
        id: 'x',
        metadata: '{"a":"1"}',
        requestedDestinationId: 'a',
        to: ['a'],
      });
      const outcomes = await outcomesOf(db.storage, first, { ...first, ...difference });
      expect(outcomes.map(({ kind }) => kind)).toEqual(['stored', 'conflict']);
      expect(await outcomesOf(db.storage, { ...first, ...difference })).toEqual([
        { kind: 'conflict' },
      ]);
      expect(await outcomesOf(db.storage, first)).toMatchObject([{ kind: 'duplicate' }]);
    });

    it('does not compare the time of the same id', async () => {
      const tenantId = await seedTenant(db.storage);
      const first = await eventFor(db.storage, tenantId, { id: 'x', timeMs: 1000 });
      const outcomes = await outcomesOf(db.storage, first, { ...first, timeMs: 2000 });
      expect(outcomes[1]).toEqual({ kind: 'duplicate', destinationIds: [] });
      const events = await db.storage.eventGet({ id: 'x', tenantId });
      expect(events.map(({ timeMs }) => timeMs)).toEqual([1000]);
    });

    it('finds the same id twice in one batch', async () => {
      const tenantId = await seedTenant(db.storage, 'a');
      const event = await eventFor(db.storage, tenantId, { id: 'x', to: ['a'] });
      const outcomes = await outcomesOf(db.storage, event, event, { ...event, topic: 'other' });
      expect(outcomes).toMatchObject([
        { kind: 'stored' },
        { kind: 'duplicate', destinationIds: ['a'] },
        { kind: 'conflict' },
      ]);
    });

    it('keeps the ids of two tenants apart', async () => {
      const one = await eventFor(db.storage, await seedTenant(db.storage), { id: 'shared' });
      const two = await eventFor(db.storage, await seedTenant(db.storage), {
        id: 'shared',
        topic: 'other',
      });
      const outcomes = await outcomesOf(db.storage, one, two);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['stored', 'stored']);
      const both = await db.storage.eventGet({ id: 'shared', tenantId: null });
      expect(both.map(({ tenantId }) => tenantId).toSorted()).toEqual(
        [one.tenantId, two.tenantId].toSorted(),
      );
      const ofTwo = await db.storage.eventGet({ id: 'shared', tenantId: two.tenantId });
      expect(ofTwo.map(({ topic }) => topic)).toEqual(['other']);
    });

    it('knows an id that it gave itself, in the tenant that it was given to', async () => {
      const tenantId = await seedTenant(db.storage, 'a');
      const given = await eventFor(db.storage, tenantId, { to: ['a'] });
      const [stored] = await outcomesOf(db.storage, given);
      if (stored?.kind !== 'stored') throw new Error('not stored');
      const id = db.storage.ids.eventId(stored.seq);

      expect(
        await outcomesOf(db.storage, { ...given, id }, { ...given, id, topic: 'other' }),
      ).toEqual([{ kind: 'duplicate', destinationIds: ['a'] }, { kind: 'conflict' }]);

      const stranger = await eventFor(db.storage, await seedTenant(db.storage), { id });
      expect(await outcomesOf(db.storage, stranger)).toMatchObject([{ kind: 'stored' }]);
      expect(await db.storage.eventGet({ id, tenantId: null })).toHaveLength(2);
      expect(await db.storage.eventGet({ id, tenantId })).toMatchObject([{ seq: stored.seq }]);
    });

    it('takes an id that only looks like one of its own for the caller’s', async () => {
      const tenantId = await seedTenant(db.storage);
      // The first is of no event, the second of one that bears another.
      const borne = await publish(db.storage, tenantId, { id: 'x' });
      for (const seq of [1, borne]) {
        const id = db.storage.ids.eventId(seq);
        const event = await eventFor(db.storage, tenantId, { id, topic: 'other' });
        const outcomes = await outcomesOf(db.storage, event, event);
        expect(outcomes.map(({ kind }) => kind)).toEqual(['stored', 'duplicate']);
        expect(await db.storage.eventGet({ id, tenantId })).toMatchObject([{ id }]);
      }
    });
  });
}
