import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config.ts';
import { parseConfigFile } from '../../src/config-file.ts';
import { profileTaking, refuseExpressions } from '../support/config-profiles.ts';

/** The options' texts that a file gives, or its problems. */
async function read(content: string) {
  const { options, problems } = await parseConfigFile(content, 'etc/angarium.yaml');
  if (problems.length > 0) return problems;
  return Object.fromEntries([...options].map(([key, { text }]) => [key, text]));
}

it.each([
  ['', {}],
  ['# nothing yet\n', {}],
  ['---\nport: 1\n', { port: '1' }],
  ['port: "1"\r\nhost: ::1 # loopback\r\n', { port: '1', host: '::1' }],
  ['\uFEFFport: 1', { port: '1' }],
  ['{"port": 1}', { port: '1' }],
  ['api_key: 0123456789012345678', { apiKey: '0123456789012345678' }],
  ['api_key: 1e30', { apiKey: '1e30' }],
  ['retention_days: 7.0', { retentionDays: '7.0' }],
  ['allowed_cidrs: none', { allowedCidrs: 'none' }],
  ['allowed_cidrs: 10.0.0.0/8, ::1/128', { allowedCidrs: '10.0.0.0/8, ::1/128' }],
  ['allowed_cidrs:\n  - 10.0.0.0/8\n  - ::1/128\n', { allowedCidrs: '10.0.0.0/8,::1/128' }],
  ['port: &number 9\nretention_days: *number', { port: '9', retentionDays: '9' }],
])('reads %j', async (content, texts) => {
  expect(await read(content)).toEqual(texts);
});

describe('names the line', () => {
  it.each([
    ['\nprot: 1', '2: "prot": there is no such option: did you mean port?'],
    ['ANGARIUM_PORT: 1', '1: "ANGARIUM_PORT": there is no such option: did you mean port?'],
    [
      'database-url: sqlite:a',
      '1: "database-url": there is no such option: did you mean database_url?',
    ],
    ['databaseUrl: sqlite:a', 'did you mean database_url?'],
    ['config: b.yaml', '1: "config": there is no such option: take it out'],
    ['__proto__: 1', '1: "__proto__": there is no such option'],
    ['? [port]\n: 1', '1: "?": there is no such option'],
    ['server:\n  port: 1', '1: "server": there is no such option'],
    ['# a\n\nport:\n', '3: port: it has no value: write one'],
    ['port: ~', '1: port: it has no value'],
    ['port: {a: 1}', '1: port: it is a mapping: write one value'],
    ['port: [1]', '1: port: it is a list: write one value'],
    [
      'allowed_cidrs: {a: 1}',
      '1: allowed_cidrs: it is a mapping: write one value or a list of values',
    ],
    ['allowed_cidrs: [[a]]', '1: allowed_cidrs: an entry of the list is not one value'],
    ['port: 1\nhost: ::1\nport: 2', '3: this is no valid YAML: Map keys must be unique'],
    ['host: a\n\tport: 1', '2: this is no valid YAML: Tabs are not allowed as indentation'],
    ['port: 1\n---\nport: 2', 'this is no valid YAML: there are several documents'],
    ['port: 1: 2', '1: this is no valid YAML'],
    ['- port', '1: write options as NAME: VALUE, one a line'],
    ['port', '1: write options as NAME: VALUE, one a line'],
  ])('of %j', async (content, problem) => {
    expect(await read(content)).toEqual([expect.stringContaining(problem)]);
    expect(await read(content)).toEqual([expect.stringMatching(/^etc\/angarium\.yaml:\d+: /)]);
  });

  it('of every unknown name and every bad value', async () => {
    const loaded = await loadConfig({
      env: { ANGARIUM_CONFIG: 'a.yaml' },
      argv: [],
      readFile: () =>
        Promise.resolve('port: x\na: 1\nallowed_cidrs:\n  - 1.2.3.4\n  - nine\nhost: ::1\n'),
      profiles: [profileTaking('standard', 0)],
      checkExpression: refuseExpressions,
    });
    expect(loaded.ok ? [] : loaded.problems).toEqual([
      expect.stringContaining('a.yaml:2: "a": there is no such option'),
      expect.stringContaining('a.yaml:1: port: "x" is no port'),
      expect.stringContaining('a.yaml:3: allowed_cidrs: "1.2.3.4" has no prefix length'),
      expect.stringContaining('a.yaml:3: allowed_cidrs: "nine" does not begin with'),
    ]);
  });
});

it.each([
  'api_key: *SECRET',
  'api_key: !SECRET x',
  'api_key: !SECRET! x',
  'api_key: "SECRET',
  'api_key: "a\\SECRET"',
  'api_key: |SECRET\n  x',
  'api_key: a: SECRET',
  'api_key: "a" SECRET',
  'api_key: @SECRET',
  'api_key: %SECRET',
  'api_key: [SECRET]',
  'api_key: {SECRET: SECRET}',
  '%SECRET\n---\nport: 1',
])('does not show a value that is no YAML: %j', async (content) => {
  const problems = JSON.stringify(await read(content));
  expect(problems).toMatch(/^\["etc\/angarium\.yaml:1: /);
  expect(problems).not.toContain('SECRET');
});

it('says that a file cannot be read, beside what else is wrong', async () => {
  const loaded = await loadConfig({
    env: { ANGARIUM_PORT: 'x' },
    argv: ['--config', 'gone.yaml'],
    readFile: () => Promise.reject(new Error('ENOENT: no such file')),
    profiles: [profileTaking('standard', 0)],
    checkExpression: refuseExpressions,
  });
  expect(loaded.ok ? [] : loaded.problems).toEqual([
    '--config: "gone.yaml" cannot be read (ENOENT: no such file): name a YAML file',
    expect.stringMatching(/^ANGARIUM_PORT: /),
  ]);
});

it('does not take an empty path for none', async () => {
  const loaded = await loadConfig({
    env: { ANGARIUM_CONFIG: '' },
    argv: [],
    readFile: () => Promise.resolve(''),
    profiles: [profileTaking('standard', 0)],
    checkExpression: refuseExpressions,
  });
  expect(loaded.ok ? [] : loaded.problems).toEqual([
    expect.stringMatching(/^ANGARIUM_CONFIG: it is empty/),
  ]);
});
