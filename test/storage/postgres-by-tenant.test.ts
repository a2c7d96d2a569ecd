/**
 * As on Citus: with the stand-in, which says that the tables are distributed, the driver sends its statements tenant by tenant. It
 * passes the whole conformance suite so, and what it sends is looked at on its way to the server. Budget: 120 s.
 */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadModule } from 'libpg-query';
import pg from 'pg';
import type { QueryConfig } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { MockInstance } from 'vitest';

import { DISTRIBUTED_TABLES } from '../../src/storage/postgres/distribution.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { describeStorage } from '../conformance/storage.ts';
import { distributing, installCitusStandIn, writeCitusStandIn } from '../support/citus-stand-in.ts';
import { schemaOf, usePostgresServer, whyNoOwnPostgres } from '../support/postgres-server.ts';
import { LAY, refusalsOf } from '../support/sql-citus.ts';
import type { Refusal } from '../support/sql-citus.ts';
import { tenantPlaces, tenantsAt } from '../support/sql-one-tenant.ts';
import { comparable, statementsOf } from '../support/sql-statements.ts';
import { publish, seedTenant } from '../support/storage-fixtures.ts';
import { postgresDriver } from '../support/storage-postgres.ts';
import { SENT_ALL_THE_SAME } from '../structure/citus-exceptions.ts';
import { SENT_OVER_TENANTS } from '../structure/tenant-exceptions.ts';

const FOLDER = fileURLToPath(new URL('../../src/storage/postgres/', import.meta.url));
const DISTRIBUTED = new Set(DISTRIBUTED_TABLES);
const BEGINS_LIKE_ONE = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\s/;

const reason =
  process.env['ANGARIUM_TEST_DATABASE_URL'] === undefined
    ? await whyNoOwnPostgres()
    : 'needs a server of its own: unset ANGARIUM_TEST_DATABASE_URL';
if (reason !== null) describe('tenant by tenant', () => it.skip(reason));
else describe('tenant by tenant', describeByTenant);

function describeByTenant() {
  const server = usePostgresServer();
  const folder = writeCitusStandIn();
  const sent = new Sent();
  const asked = vi.spyOn(pg.Client.prototype, 'query');
  beforeAll(async () => {
    await loadModule();
    await installCitusStandIn(server, folder);
  });
  afterEach(() => sent.note(asked));
  afterAll(() => {
    asked.mockRestore();
    rmSync(folder, { recursive: true });
  });

  describeStorage(postgresDriver(distributing(server)));

  it('what a node left that has been dead for long is freed', async () => {
    const url = await server.createSchema();
    const schema = schemaOf(url);
    const one = await openPostgresStorage({ url });
    const tenantId = await seedTenant(one, 'd');
    await publish(one, tenantId, { toClaimed: ['d'] });
    await one.close();
    const other = await openPostgresStorage({ url });
    onTestFinished(() => other.close());
    await server.query(
      `UPDATE ${schema}.nodes SET lease_until = lease_until - interval '61 minutes' WHERE incarnation = 1`,
    );
    await other.maintain();
    await other.maintain();
    expect(await server.query(`SELECT claimed_by FROM ${schema}.deliveries`)).toEqual([
      { claimed_by: '0' },
    ]);
    expect(await server.query(`SELECT incarnation FROM ${schema}.nodes`)).toHaveLength(1);
  });

  it('what locks or writes rows of tenants names one of them, but what is listed', () => {
    expect([...sent.overTenants].toSorted()).toEqual(Object.keys(SENT_OVER_TENANTS).toSorted());
    expect(sent.ofOne.size).toBeGreaterThan(30);
  });

  it('nothing is sent that Citus refuses, but what is listed', () => {
    const listed = Object.entries(SENT_ALL_THE_SAME).map(([name, [refusals]]) => [name, refusals]);
    expect(Object.fromEntries(sent.refused)).toEqual(Object.fromEntries(listed));
    expect(sent.looked).toBeGreaterThan(150);
  });
}

/** Statements that were sent, by their names. */
class Sent {
  readonly overTenants = new Set<string>();
  readonly ofOne = new Set<string>();
  /** What Citus would say to them (sql-citus.ts). */
  readonly refused = new Map<string, readonly Refusal[]>();
  readonly #names = new Map(statementsOf(FOLDER).map(({ name, sql }) => [comparable(sql), name]));
  readonly #places = new Map<string, readonly (number | null)[]>();

  get looked(): number {
    return this.#places.size;
  }

  /** What was asked since it was called last. */
  note(asked: MockInstance): void {
    for (const [query, given] of asked.mock.calls as unknown[][]) {
      // Those that are prepared have a name.
      const { text, values } =
        typeof query === 'object' ? (query as QueryConfig) : { text: query, values: given };
      this.#look(text, values);
    }
    asked.mockClear();
  }

  #look(sql: unknown, given: unknown): void {
    if (typeof sql !== 'string' || !BEGINS_LIKE_ONE.test(sql)) return;
    let places = this.#places.get(sql);
    if (places === undefined) {
      this.#places.set(sql, (places = tenantPlaces(sql, DISTRIBUTED)));
      const refusals = refusalsOf(sql, LAY);
      if (refusals.length > 0) this.refused.set(this.#nameOf(sql), refusals);
    }
    if (places.length === 0) return;
    const values: unknown[] = Array.isArray(given) ? given : [];
    const name = this.#nameOf(sql);
    const tenants = new Set(
      places.flatMap((place) => (place === null ? [] : tenantsAt(place, values))),
    );
    if (places.includes(null) || tenants.size > 1) this.overTenants.add(name);
    else this.ofOne.add(name);
  }

  #nameOf(sql: string): string {
    return this.#names.get(comparable(sql)) ?? comparable(sql);
  }
}
