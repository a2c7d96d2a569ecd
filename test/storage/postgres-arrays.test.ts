/** Columns as binary arrays: the server reads what was written, whatever stands in them. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  bigints,
  booleans,
  byteas,
  integers,
  smallints,
  texts,
} from '../../src/storage/postgres/binary-array.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('a column of many rows', () => {
  const server = usePostgresServer();
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client(server.url);
    await client.connect();
  });
  afterAll(() => client.end());

  /** As the server writes it: `array_out` of what it has read. */
  async function read(type: string, bytes: Uint8Array): Promise<string | null> {
    const { rows } = await client.query<{ text: string | null }>(
      `SELECT array_to_json($1::${type}[])::text AS text`,
      [Buffer.from(bytes)],
    );
    return rows[0]?.text ?? null;
  }

  it('of whole numbers keeps every one up to 2^53, negative ones and NULL', async () => {
    const values = [0, 1, -1, 2 ** 31, 2 ** 32, -(2 ** 32) - 1, 2 ** 53, -(2 ** 53), null];
    expect(await read('bigint', bigints(values))).toBe(JSON.stringify(values));
    const small = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), null];
    expect(await read('integer', integers(small))).toBe(JSON.stringify(small));
    const smallest = [0, -1, 2 ** 15 - 1, -(2 ** 15)];
    expect(await read('smallint', smallints(smallest))).toBe(JSON.stringify(smallest));
  });

  it('of texts keeps every character but NUL, which no text of the server holds', async () => {
    const values = ['', 'a', '{"x",NULL}', 'NULL', 'é€😀', null, 'x'.repeat(5000)];
    expect(await read('text', texts(values))).toBe(JSON.stringify(values));
    expect(await read('text', texts(['a\0b']))).toBe(JSON.stringify(['a\ufffdb']));
  });

  it('of bytes and of truth keeps them', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const hex = String.raw`\x${Buffer.from(bytes).toString('hex')}`;
    expect(await read('bytea', byteas([bytes, new Uint8Array(), null]))).toBe(
      JSON.stringify([hex, String.raw`\x`, null]),
    );
    expect(await read('boolean', booleans([true, false]))).toBe('[true,false]');
  });

  it('of no rows is empty', async () => {
    expect(await read('bigint', bigints([]))).toBe('[]');
    expect(await read('text', texts([]))).toBe('[]');
  });
});
