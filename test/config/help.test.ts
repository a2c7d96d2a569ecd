import { readFile } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { helpText } from '../../src/cli/help.ts';
import { loadConfig } from '../../src/config.ts';
import {
  declarationOf,
  fileName,
  flagName,
  OPTION_KEYS,
  variableName,
} from '../../src/config-options.ts';
import { configurationReference } from '../../src/config-reference.ts';
import { profileTaking, refuseExpressions } from '../support/config-profiles.ts';

const unwrapped = (text: string) => text.replaceAll(/\s+/g, ' ');

describe.each(['serve', 'config check'] as const)('angarium %s --help', (command) => {
  const help = helpText(command);

  it.each(OPTION_KEYS)('explains %s', (key) => {
    const name = fileName(key);
    const { placeholder, description, default: byDefault } = declarationOf(key);
    expect(help).toContain(`\n  ${flagName(name)} ${placeholder}\n`);
    expect(unwrapped(help)).toContain(
      `${flagName(name)} ${placeholder} ${description} [${variableName(name)}; default: ${byDefault}]`,
    );
  });

  it('explains the configuration file', () => {
    expect(help).toContain('\n  --config FILE\n');
    expect(help).toContain('ANGARIUM_CONFIG');
  });
});

it.each([null, 'serve', 'config check'] as const)('%s fits a terminal', (topic) => {
  const lines = helpText(topic).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(96);
  expect(lines.filter((line) => /\s$/.test(line))).toEqual([]);
  expect(lines.at(-1)).toBe('');
});

it('says that publishes beyond the bound of the database get 503', () => {
  expect(unwrapped(helpText('serve'))).toMatch(/--database-max-bytes BYTES .*?publishes get 503/);
});

describe('docs/reference/configuration.md', () => {
  it('is what the sources give (npm run generate)', async () => {
    const file = new URL('../../docs/reference/configuration.md', import.meta.url);
    expect(await readFile(file, 'utf8')).toBe(configurationReference());
  });

  it.each(OPTION_KEYS)('explains %s', (key) => {
    const name = fileName(key);
    expect(configurationReference()).toContain(
      `| \`${name}\`<br>\`${variableName(name)}\`<br>\`${flagName(name)}\` |`,
    );
  });

  it('has an example that works', async () => {
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(configurationReference()) ?? [];
    expect(example).not.toBe('');
    const loaded = await loadConfig({
      env: {},
      argv: ['--config', 'example.yaml'],
      readFile: () => Promise.resolve(example),
      profiles: [profileTaking('standard', 0)],
      checkExpression: refuseExpressions,
    });
    expect(loaded).toMatchObject({ ok: true, config: { host: '0.0.0.0', retentionDays: 30 } });
  });
});
