/** Every sealed box of the database, and other boxes of the same content put in their place. */
import type { SealedKind, SealedOwner, SealedRow } from '../sealed.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import { bytesOf } from './page.ts';
import type { Row } from './session.ts';
import type { WriteSession } from './write-session.ts';

interface Source {
  /** Columns `no`, `sealed`, `revision` and those that `owner` reads. */
  readonly select: string;
  readonly update: string;
  readonly owner: (row: Row) => SealedOwner;
}

const SOURCES: Readonly<Record<SealedKind, Source>> = {
  tenant: {
    select: `
      SELECT no, sealed_secrets AS sealed, secrets_revision AS revision, id FROM tenants
      WHERE no > $1 AND sealed_secrets IS NOT NULL ORDER BY no LIMIT $2`,
    update: 'UPDATE tenants SET sealed_secrets = $1 WHERE no = $2 AND secrets_revision = $3',
    owner: (row) => ({ kind: 'tenant', tenantId: String(row['id']) }),
  },
  destination: {
    select: `
      SELECT destinations.no, sealed_credentials AS sealed, revision, tenants.id AS tenant_id, destinations.id
      FROM destinations JOIN tenants ON tenants.no = tenant_no
      WHERE destinations.no > $1 AND deleted_ms IS NULL ORDER BY destinations.no LIMIT $2`,
    update: `
      UPDATE destinations SET sealed_credentials = $1 WHERE no = $2 AND revision = $3 AND deleted_ms IS NULL`,
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
      WHERE api_clients.no > $1 ORDER BY api_clients.no LIMIT $2`,
    update: 'UPDATE api_clients SET sealed_secrets = $1 WHERE no = $2 AND revision = $3',
    owner: (row) => ({
      kind: 'client',
      tenantId: String(row['tenant_id']),
      id: String(row['urn']),
    }),
  },
};

export const sealedList: Operation<Storage['sealedList']> = async (
  session,
  { kind, after, limit },
) => {
  const { select, owner } = SOURCES[kind];
  return (await session.rows(select, after, limit)).map((row): SealedRow => ({
    owner: owner(row),
    sealed: bytesOf(row['sealed']),
    revision: Number(row['revision']),
    position: Number(row['no']),
  }));
};

export const reseal: Operation<Storage['reseal'], WriteSession> = async (session, { rows }) => {
  let resealed = 0;
  for (const { owner, sealed, position, revision } of rows)
    resealed += await session.run(SOURCES[owner.kind].update, sealed, position, revision);
  return { resealed };
};
