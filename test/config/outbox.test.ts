import { expect, it } from 'vitest';
import { describeConfig } from '../../src/config-report.ts';
import { loadConfig } from '../../src/config.ts';
import type { LoadedConfig } from '../../src/config.ts';
import { standard } from '../../src/profiles/standard.ts';

function load(yaml: string, env: Record<string, string> = {}): Promise<LoadedConfig> {
  return loadConfig({
    env,
    argv: ['--config', 'a.yaml', '--retention-days', '30'],
    readFile: () => Promise.resolve(yaml),
    profiles: [standard],
    checkExpression: () => null,
  });
}

const FILE = `
outbox:
  - url: postgres://app:secret@db.example.com/shop
  - url: postgres://app:secret@db.example.com/shop
    schema: billing
  - name: books
    url: postgres://app:secret@db.example.com/shop?sslmode=require
    schema: books
`;

it('takes outboxes from the file and from the variable together', async () => {
  const loaded = await load(FILE, { ANGARIUM_OUTBOX_URL: 'postgres://other.example.com/crm' });
  expect(loaded).toMatchObject({
    ok: true,
    outboxes: [
      { position: 'a.yaml:3', place: { name: 'shop', schema: 'angarium' } },
      { position: 'a.yaml:4', place: { name: 'shop.billing', schema: 'billing' } },
      {
        position: 'a.yaml:6',
        place: {
          name: 'books',
          schema: 'books',
          url: 'postgres://app:secret@db.example.com/shop?sslmode=require',
        },
      },
      {
        position: 'ANGARIUM_OUTBOX_URL',
        place: { name: 'crm', schema: 'angarium', url: 'postgres://other.example.com/crm' },
      },
    ],
  });
});

it('shows where they are in `config check`, without their passwords', async () => {
  const loaded = await load(FILE);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const text = describeConfig(loaded);
  expect(text).toContain(
    'outbox.shop.billing: postgres://db.example.com/shop, schema billing  (a.yaml:4)\n',
  );
  expect(text).not.toContain('secret');
});

it('says all that is wrong with them, with its line, and no URL', async () => {
  const loaded = await load(`
outbox:
  - url: mysql://app:secret@db/shop
  - schema: A
    nmae: shop
  - url: postgres://db/shop
    schema: 1a
    name: a b
`);
  expect(loaded).toEqual({
    ok: false,
    problems: [
      expect.stringContaining('a.yaml:3: outbox.1.url: it is no URL of a PostgreSQL database'),
      expect.stringContaining('a.yaml:4: outbox.2.schema: a schema’s name is'),
      expect.stringContaining('a.yaml:5: outbox.2.nmae: there is no such setting'),
      expect.stringContaining('a.yaml:4: outbox.2: it has no url'),
      expect.stringContaining('a.yaml:7: outbox.3.schema: a schema’s name is'),
      expect.stringContaining('a.yaml:8: outbox.3.name: a name is'),
    ],
  });
  expect(JSON.stringify(loaded)).not.toContain('secret');
});

it('refuses two of one name', async () => {
  const loaded = await load('outbox: [{url: "postgres://a/shop"}]', {
    ANGARIUM_OUTBOX_URL: 'postgres://b/shop',
  });
  expect(loaded).toEqual({
    ok: false,
    problems: [
      'ANGARIUM_OUTBOX_URL: two outboxes are called shop: give each a name of its own in the configuration file',
    ],
  });
});
