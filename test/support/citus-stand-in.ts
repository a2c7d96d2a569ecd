/**
 * An extension called citus that takes calls as Citus does by its documentation, and distributes nothing: it notes what lies
 * how, and refuses a unique index without the tenant. It stands in for Citus where a command is tested; that statements
 * work on Citus it does not say.
 */
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { distribute } from '../../src/storage/postgres/distribute.ts';
import type { PostgresServer } from './postgres-server.ts';

const CONTROL = "default_version = '1.0'\nrelocatable = true\n";

const SQL = `
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL);

CREATE FUNCTION create_reference_table(table_name regclass) RETURNS void LANGUAGE sql AS
  $$ INSERT INTO pg_dist_partition VALUES (table_name, 'n') $$;

CREATE FUNCTION create_distributed_table(table_name regclass, distribution_column text, colocate_with text DEFAULT 'default')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_index WHERE indrelid = table_name AND indisunique AND NOT EXISTS (
               SELECT 1 FROM pg_attribute
               WHERE attrelid = indrelid AND attnum = ANY(indkey) AND attname = distribution_column)) THEN
    RAISE EXCEPTION 'cannot create constraint on "%"', table_name
      USING DETAIL = 'Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints that do not include the partition column';
  END IF;
  IF colocate_with <> 'default' THEN
    PERFORM 1 FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass AND partmethod = 'h';
    IF NOT FOUND THEN RAISE EXCEPTION 'relation % is not distributed', colocate_with; END IF;
  END IF;
  INSERT INTO pg_dist_partition VALUES (table_name, 'h');
END
$$;
`;

/** A folder for `extension_control_path` (PostgreSQL 18), to be removed by who asked for it. */
export function writeCitusStandIn(): string {
  const folder = mkdtempSync(join(tmpdir(), 'angarium-extension-'));
  mkdirSync(join(folder, 'extension'));
  writeFileSync(join(folder, 'extension', 'citus.control'), CONTROL);
  writeFileSync(join(folder, 'extension', 'citus--1.0.sql'), SQL);
  // The server runs as another user than root.
  for (const path of [folder, join(folder, 'extension')]) chmodSync(path, 0o755);
  return folder;
}

/** The same server, on which each new schema is distributed. */
export function distributing(server: PostgresServer): PostgresServer {
  const createSchema = server.createSchema.bind(server);
  return Object.assign(server, {
    async createSchema() {
      const url = await createSchema();
      await distribute(url);
      return url;
    },
  });
}

/** Makes the stand-in known to a server of one's own, for every schema, as Citus is. */
export async function installCitusStandIn(server: PostgresServer, folder: string): Promise<void> {
  await server.query(`ALTER SYSTEM SET extension_control_path = '${folder}:$system'`);
  await server.query('SELECT pg_reload_conf()');
  await server.queryAt(
    server.url,
    `SET extension_control_path = '${folder}:$system'; SET allow_system_table_mods = on;
     CREATE EXTENSION citus SCHEMA pg_catalog`,
  );
}
