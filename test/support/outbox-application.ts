/** An application with PostgreSQL of its own: an outbox in a schema for each test, and transactions that publish. */
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { OutboxPlace } from '../../src/domain/outbox.ts';
import { installOutbox } from '../../src/outbox/install.ts';
import { schemaOf } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';

export interface Application {
  readonly place: OutboxPlace;
  /** A connection of its own, closed with the test. */
  readonly connect: () => Promise<pg.Client>;
  /** Publishes in a transaction of its own; gives the event's id. */
  readonly publish: (event: Published) => Promise<string>;
  /** Rows of a table of the outbox, in the order of their positions. */
  readonly rows: (
    table: 'angarium_outbox' | 'angarium_outbox_failed',
  ) => Promise<Record<string, unknown>[]>;
}

export interface Published {
  readonly tenant: string;
  readonly topic?: string;
  readonly data?: object;
  readonly id?: string;
}

/** With an outbox, unless the test is to make it, and its schema. */
export async function startApplication(
  server: PostgresServer,
  { notify = false, install = true } = {},
): Promise<Application> {
  const made = await server.createSchema();
  const schema = schemaOf(made);
  const place: OutboxPlace = { name: schema, url: server.url, schema };
  if (install) await installOutbox(place, notify);
  else await server.dropSchema(made);
  onTestFinished(async () => {
    await server.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  });
  const connect = async () => {
    const client = new pg.Client({ connectionString: server.url });
    // Some tests cut it off.
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  };
  return {
    place,
    connect,
    async publish(event) {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      try {
        return await publishIn(client, schema, event);
      } finally {
        await client.end();
      }
    },
    rows: (table) => server.query(`SELECT * FROM ${schema}.${table} ORDER BY position`),
  };
}

/** In the transaction that the connection is in; gives the event's id. */
export async function publishIn(
  client: pg.ClientBase,
  schema: string,
  { tenant, topic = 'order.placed', data = {}, id }: Published,
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT ${schema}.angarium_publish($1, $2, $3, id => $4) AS id`,
    [tenant, topic, data, id ?? null],
  );
  return rows[0]?.id ?? '';
}
