/** docs/guides/profiles.md says every setting, shape, variable and reason that there is, and none that there is not. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

import { loadConfig } from '../../src/config.ts';
import { FAILURE_REASONS } from '../../src/domain/attempt.ts';
import { PAYLOAD_SHAPES } from '../../src/domain/payload.ts';
import { VARIABLES } from '../../src/domain/template.ts';
import { standard } from '../../src/profiles/standard.ts';

const guide = await readFile(new URL('../../docs/guides/profiles.md', import.meta.url), 'utf8');

/** The first cells of the table that follows a text, without quotes. */
function namesAfter(text: string): string[] {
  const [, after = ''] = guide.split(text);
  const [, , ...rows] = (/\n\n((?:\|.*\n)+)/.exec(after)?.[1] ?? '').trimEnd().split('\n');
  return rows.flatMap((row) =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
}

function rowsAfter(text: string): string[][] {
  const [, after = ''] = guide.split(text);
  const [, , ...rows] = (/\n\n((?:\|.*\n)+)/.exec(after)?.[1] ?? '').trimEnd().split('\n');
  return rows.map((row) => row.replace(/^\| | \|$/g, '').split(' | '));
}

/** What the reader knows at a place: it says so where something unknown stands there. */
async function settingsAt(yaml: string): Promise<string[]> {
  const loaded = await loadConfig({
    env: {},
    argv: ['--config', 'a.yaml'],
    readFile: () => Promise.resolve(`profiles: {p: ${yaml}}`),
    profiles: [standard],
    checkExpression: () => null,
  });
  const found = loaded.ok ? [] : loaded.problems;
  const [, list = ''] = /take it out; there are ([\w, ]+)/.exec(found.join('\n')) ?? [];
  return list.split(', ');
}

it('has every setting', async () => {
  const nested = [
    'signature',
    'secret',
    'secret.generated',
    'success',
    'retried',
    'retried.statuses',
    'retry',
    'ending',
    'ending.failure_share',
  ];
  const known = await settingsAt('{qqqqqqqqqqqq: 1}');
  for (const path of nested) {
    const within = path
      .split('.')
      .reduceRight((inner, name) => `{${name}: ${inner}}`, '{qqqqqqqqqqqq: 1}');
    known.push(...(await settingsAt(within)).map((name) => `${path}.${name}`));
  }
  const written = new Set(namesAfter('see the defaults here.'));
  // Those that only hold others.
  for (const path of ['secret', 'retried', 'retry', 'ending']) written.add(path);
  expect([...written].toSorted()).toEqual(known.toSorted());
});

it('has every shape, variable and reason', () => {
  expect(namesAfter('**Shapes of the payload**')).toEqual([...PAYLOAD_SHAPES]);
  const variables = rowsAfter('quotes in YAML.').map(([name = '', meaning = '']) => [
    name,
    meaning,
  ]);
  expect(variables).toEqual(
    Object.entries(VARIABLES).map(([name, meaning]) => [
      `\`${name}\``,
      meaning.replaceAll('’', "'"),
    ]),
  );
  const [, reasons = ''] = /\*\*Reasons\*\*, for `retried\.reasons`: ([^.]+)\./.exec(guide) ?? [];
  expect([...reasons.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(
    FAILURE_REASONS.filter((reason) => reason !== 'http_status'),
  );
});

it('shows a profile that is good', async () => {
  const [, yaml = ''] = /```yaml\n([\s\S]+?)```/.exec(guide) ?? [];
  const loaded = await loadConfig({
    env: {},
    argv: ['--config', 'a.yaml'],
    readFile: () => Promise.resolve(yaml),
    profiles: [standard],
    checkExpression: () => null,
  });
  expect(loaded).toMatchObject({ ok: true, config: { profile: 'shop' } });
});
