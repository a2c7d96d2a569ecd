/** Every sealed box of the database, and other boxes of the same content put in their place. */
import type { SealedKind, SealedOwner, SealedRow } from '../sealed.ts';
import type { Storage } from '../storage.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';

interface Source {
  /** Columns `no`, `sealed`, `revision` and those that `owner` reads. */
  readonly select: string;
  readonly update: string;
  readonly owner: (row: Row) => SealedOwner;
}

type Row = Record<string, unknown>;

const SOURCES: Readonly<Record<SealedKind, Source>> = {
  tenant: {
    select: `
      SELECT no, sealed_secrets AS sealed, secrets_revision AS revision, id FROM tenants
      WHERE no > ? AND sealed_secrets IS NOT NULL ORDER BY no LIMIT ?`,
    update: 'UPDATE tenants SET sealed_secrets = ? WHERE no = ? AND secrets_revision = ?',
    owner: (row) => ({ kind: 'tenant', tenantId: String(row['id']) }),
  },
  destination: {
    select: `
      SELECT destinations.no, sealed_credentials AS sealed, revision, tenants.id AS tenant_id, destinations.id
      FROM destinations JOIN tenants ON tenants.no = tenant_no
      WHERE destinations.no > ? AND deleted_ms IS NULL ORDER BY destinations.no LIMIT ?`,
    update: `
      UPDATE destinations SET sealed_credentials = ? WHERE no = ? AND revision = ? AND deleted_ms IS NULL`,
    owner: (row) => ({
      kind: 'destination',
      tenantId: String(row['tenant_id']),
      id: String(row['id']),
    }),
  },
  client: {
    select: `
      SELECT api_clients.no, api_clients.sealed_secrets AS sealed, revision, tenants.id AS tenant_id, urn
      FROM api_clients JOIN tenants ON tenants.no = tenant_no
      WHERE api_clients.no > ? ORDER BY api_clients.no LIMIT ?`,
    update: 'UPDATE api_clients SET sealed_secrets = ? WHERE no = ? AND revision = ?',
    owner: (row) => ({
      kind: 'client',
      tenantId: String(row['tenant_id']),
      id: String(row['urn']),
    }),
  },
};

export function sealedList(context: ReadContext): Operation<Storage['sealedList']> {
  return ({ kind, after, limit }) => {
    const { select, owner } = SOURCES[kind];
    return context
      .statement(select)
      .all(after, limit)
      .map((row): SealedRow => {
        const { sealed } = row;
        return {
          owner: owner(row),
          sealed: sealed instanceof Uint8Array ? sealed : new Uint8Array(),
          revision: Number(row['revision']),
          position: Number(row['no']),
        };
      });
  };
}

export function reseal(context: WriteContext): Operation<Storage['reseal']> {
  return ({ rows }) => {
    let resealed = 0;
    for (const { owner, sealed, position, revision } of rows) {
      const { changes } = context
        .statement(SOURCES[owner.kind].update)
        .run(sealed, position, revision);
      resealed += Number(changes);
    }
    return { resealed };
  };
}
