/** API clients. */
import { describe, expect, it } from 'vitest';
import type { StoredClient } from '../../src/storage/client-storage.ts';
import type { PageRequest } from '../../src/storage/reading.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_AUDIT,
  auditEntryOf,
  clientOf,
  destinationOf,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

const PAGE: PageRequest = { limit: 100, order: 'asc', from: null };

const insert = (storage: Storage, client: StoredClient, maxPerTenant = 10) =>
  storage.clientInsert({ client, maxPerTenant });

export function describeClients(driver: StorageDriver): void {
  describe('API clients', () => {
    it('keeps a client as it is, and knows no strange one', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const client = clientOf(tenantId, 'a', {
          name: 'ä 😀',
          permissions: [{ subject: 'ENTITY', events: ['CREATE', 'ALL'] }],
          previousToken: { prefix: 'anc_old', hash: Uint8Array.of(9), untilMs: 7 },
          certificateExpiresAtMs: 8,
          expiresAtMs: 9,
        });
        expect(await insert(storage, client)).toBe('inserted');
        expect(await storage.clientGet({ urn: 'a' })).toEqual(client);
        expect(await storage.clientGet({ urn: 'b' })).toBeNull();
        expect(await insert(storage, clientOf('nobody', 'b'))).toBe('unknown_tenant');
      }));

    it('changes one that is still as it was read', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const client = clientOf(tenantId, 'a');
        await insert(storage, client);
        const changed = clientOf(tenantId, 'a', {
          clientId: 'other',
          token: { prefix: 'anc_new', hash: Uint8Array.of(5) },
          sealedSecrets: Uint8Array.of(4),
          updatedAtMs: 2,
          revision: 2,
        });
        expect(await storage.clientUpdate({ client: changed, ifRevision: 1 })).toBe('updated');
        expect(await storage.clientGet({ urn: 'a' })).toEqual(changed);
        const late = { ...client, revision: 2 };
        expect(await storage.clientUpdate({ client: late, ifRevision: 1 })).toBe(
          'changed_meanwhile',
        );
        const strange = clientOf(tenantId, 'x');
        expect(await storage.clientUpdate({ client: strange, ifRevision: 1 })).toBe('unknown');
      }));

    it('gives a client id once in a tenant, and again when its client is revoked', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const first = clientOf(tenantId, 'a', { clientId: 'one' });
        await insert(storage, first);
        const second = clientOf(tenantId, 'b', { clientId: 'one' });
        expect(await insert(storage, second)).toBe('client_id_taken');
        await insert(storage, clientOf(tenantId, 'c', { clientId: 'two' }));
        const taken = clientOf(tenantId, 'c', { clientId: 'one', revision: 2 });
        expect(await storage.clientUpdate({ client: taken, ifRevision: 1 })).toBe(
          'client_id_taken',
        );
        const revoked = { ...first, revokedAtMs: 5, revision: 2 };
        await storage.clientUpdate({ client: revoked, ifRevision: 1 });
        expect(await insert(storage, second)).toBe('inserted');
        expect(await insert(storage, clientOf(tenantId, 'd'), 2)).toBe('too_many');
      }));

    it('lists by age, of some tenants or all', () =>
      withDatabase(driver, async ({ storage }) => {
        const one = await seedTenant(storage);
        const two = 'another';
        await storage.tenantUpsert({ id: two, metadata: {} });
        await insert(storage, clientOf(one, 'c'));
        await insert(storage, clientOf(two, 'a'));
        await insert(storage, clientOf(one, 'b', { revokedAtMs: 1 }));
        const list = async (tenantIds: string[], page = PAGE) => {
          const { rows } = await storage.clientList({ tenantIds, page });
          return rows.map(({ urn }) => urn);
        };
        expect(await list([])).toEqual(['c', 'a', 'b']);
        expect(await list([one])).toEqual(['c', 'b']);
        expect(await list([one], { ...PAGE, order: 'desc', limit: 1 })).toEqual(['b']);
      }));

    it('gives all that are not revoked, under a version that each change raises', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const versions: number[] = [];
        const ring = async () => {
          const { version, clients } = await storage.clientRing();
          versions.push(version);
          return clients.map(({ urn }) => urn);
        };
        expect(await ring()).toEqual([]);
        const client = clientOf(tenantId, 'a');
        await insert(storage, client);
        expect(await ring()).toEqual(['a']);
        await storage.clientUpdate({
          client: { ...client, revokedAtMs: 2, revision: 2 },
          ifRevision: 1,
        });
        expect(await ring()).toEqual([]);
        await insert(storage, clientOf(tenantId, 'b'));
        await ring();
        await storage.tenantDelete({ id: tenantId });
        expect(await ring()).toEqual([]);
        expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
      }));

    it('is in its tenant’s routing, whose version each change raises', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const routing = async () => {
          const found = await storage.routingOf({ tenantId });
          return { version: found?.version ?? 0, clients: found?.defaults.clients };
        };
        const before = await routing();
        const client = clientOf(tenantId, 'a');
        await insert(storage, client);
        const after = await routing();
        expect(after.clients).toEqual([client]);
        expect(after.version).toBeGreaterThan(before.version);
        expect((await storage.tenantDefaultsGet({ id: tenantId }))?.clients).toEqual([client]);
        const revoked = { ...client, revokedAtMs: 2, revision: 2 };
        await storage.clientUpdate({ client: revoked, ifRevision: 1 });
        const last = await routing();
        expect(last.clients).toEqual([]);
        expect(last.version).toBeGreaterThan(after.version);
      }));

    it('takes the destinations that it owns along when it is revoked, and no others', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const client = clientOf(tenantId, 'a');
        await insert(storage, client);
        const subscription = { apiClient: 'a', auth: 'none', words: null, resource: null } as const;
        for (const [id, owner] of [
          ['own', subscription],
          ['other', { ...subscription, apiClient: 'b' }],
          ['plain', null],
        ] as const) {
          const destination = destinationOf(tenantId, id, { subscription: owner });
          await storage.destinationInsert({ destination, maxPerTenant: 10 });
        }
        const revoked = { ...client, revokedAtMs: 77, revision: 2 };
        await storage.clientUpdate({ client: revoked, ifRevision: 1 });
        const disabledAt = async (id: string) =>
          (await storage.destinationGet({ tenantId, id }))?.disabledAtMs;
        expect(await disabledAt('own')).toBe(77);
        expect(await disabledAt('other')).toBeNull();
        expect(await disabledAt('plain')).toBeNull();
      }));

    it('writes the audit entry with the change, and none without one', () =>
      withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const audit = (action: 'client.created' | 'client.updated') =>
          auditEntryOf({ action, tenantId, resource: { kind: 'client', id: 'a' } });
        const client = clientOf(tenantId, 'a');
        await storage.clientInsert({ client, maxPerTenant: 1, audit: audit('client.created') });
        const update = {
          client: { ...client, revision: 2 },
          ifRevision: 1,
          audit: audit('client.updated'),
        };
        expect(await storage.clientUpdate(update)).toBe('updated');
        expect(await storage.clientUpdate(update)).toBe('changed_meanwhile');
        const { rows } = await storage.auditList(ALL_AUDIT);
        expect(rows.map(({ action }) => action)).toEqual(['client.created', 'client.updated']);
      }));
  });
}
