/** The function `angarium_publish`, as an application calls it. */
import { describe, expect, it } from 'vitest';

import { publishIn, startApplication } from '../support/outbox-application.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();
if (reason !== null) describe('the outbox', () => it.skip(reason));
else describeFunction();

function describeFunction() {
  const server = usePostgresServer();

  it('keeps what is published in a transaction that commits, and nothing of one that rolls back', async () => {
    const { place, connect, rows } = await startApplication(server);
    const client = await connect();
    await client.query('BEGIN');
    await publishIn(client, place.schema, { tenant: 'acme', id: 'first' });
    await client.query('SAVEPOINT inside');
    await publishIn(client, place.schema, { tenant: 'acme', id: 'undone' });
    await client.query('ROLLBACK TO inside');
    await client.query('COMMIT');
    await client.query('BEGIN');
    await publishIn(client, place.schema, { tenant: 'acme', id: 'rolled-back' });
    await client.query('ROLLBACK');
    expect((await rows('angarium_outbox')).map((row) => row['event_id'])).toEqual(['first']);
  });

  it.each([
    ['a literal', `'{"n": 1.50,  "b":2,"a":1}'`, '{"n": 1.50,  "b":2,"a":1}'],
    ['json', `json '{"n": 1e2, "b":2,"a":1}'`, '{"n": 1e2, "b":2,"a":1}'],
    ['jsonb', `jsonb_build_object('b', 2, 'a', 1)`, '{"a": 1, "b": 2}'],
    ['text', `'{"a":' || 1 || '}'`, '{"a":1}'],
  ])('takes data as %s', async (_kind, given, kept) => {
    const { place, rows } = await startApplication(server);
    await server.query(`SELECT ${place.schema}.angarium_publish('acme', 'a', ${given})`);
    expect((await rows('angarium_outbox')).map((row) => row['data'])).toEqual([kept]);
  });

  it('gives the event’s id, which is new each time where none is given', async () => {
    const { publish, rows } = await startApplication(server);
    const ids = [
      await publish({ tenant: 'acme' }),
      await publish({ tenant: 'acme' }),
      await publish({ tenant: 'acme', id: 'mine' }),
    ];
    expect(ids).toEqual([
      expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      'mine',
    ]);
    expect(new Set(ids).size).toBe(3);
    expect((await rows('angarium_outbox')).map((row) => row['event_id'])).toEqual(ids);
  });

  it.each([
    ['an empty tenant', `'', 'a', '{}'`, 'tenant_id'],
    ['no tenant', `NULL, 'a', '{}'`, 'tenant_id'],
    ['no topic', `'acme', NULL, '{}'`, 'topic'],
    ['data that are no object', `'acme', 'a', '[]'`, 'angarium_outbox_data_is_a_json_object'],
    ['data that are no JSON', `'acme', 'a', '{a}'`, 'json'],
    ['no data', `'acme', 'a', NULL::jsonb`, 'data'],
  ])('refuses %s in the application’s own transaction', async (_what, given, says) => {
    const { place, rows } = await startApplication(server);
    await expect(server.query(`SELECT ${place.schema}.angarium_publish(${given})`)).rejects.toThrow(
      says,
    );
    expect(await rows('angarium_outbox')).toEqual([]);
  });

  it('gives a transaction its id before it takes a position', async () => {
    const { place, publish, rows } = await startApplication(server);
    // Evaluated as the position is.
    await server.query(`ALTER TABLE ${place.schema}.angarium_outbox
      ADD COLUMN xid_then text DEFAULT pg_current_xact_id_if_assigned()::text`);
    await publish({ tenant: 'acme' });
    await server.query(
      `ALTER TABLE ${place.schema}.angarium_outbox DISABLE TRIGGER angarium_outbox_begin`,
    );
    await publish({ tenant: 'acme' });
    expect((await rows('angarium_outbox')).map((row) => row['xid_then'])).toEqual([
      expect.stringMatching(/^\d+$/),
      null,
    ]);
  });

  it('needs nothing but its own grant, and gives nobody else anything', async () => {
    const { place, connect, rows } = await startApplication(server);
    const role = `app_${place.schema}`;
    await server.query(`CREATE ROLE ${role}`);
    try {
      const client = await connect();
      await client.query(`SET ROLE ${role}`);
      const call = `SELECT ${place.schema}.angarium_publish('acme', 'a', '{}')`;
      await expect(client.query(call)).rejects.toThrow('permission denied for schema');
      await server.query(`GRANT USAGE ON SCHEMA ${place.schema} TO ${role}`);
      await expect(client.query(call)).rejects.toThrow('permission denied for function');
      await server.query(
        `GRANT EXECUTE ON FUNCTION ${place.schema}.angarium_publish(text, text, text, text, jsonb, text, timestamptz, boolean, timestamptz, text, jsonb) TO ${role}`,
      );
      // What the role makes in front of the outbox's names is not seen by the function.
      await client.query('CREATE TEMPORARY TABLE angarium_outbox (tenant_id text)');
      await client.query(call);
      await expect(client.query(`SELECT 1 FROM ${place.schema}.angarium_outbox`)).rejects.toThrow(
        'permission denied for table',
      );
    } finally {
      await server.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
    expect(await rows('angarium_outbox')).toHaveLength(1);
  });
}
