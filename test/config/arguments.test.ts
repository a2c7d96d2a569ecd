import { describe, expect, it } from 'vitest';

import { COMMANDS, parseArguments } from '../../src/cli/arguments.ts';
import { helpText } from '../../src/cli/help.ts';

describe('commands', () => {
  it.each([
    [['serve'], { kind: 'serve', flags: [] }],
    [['serve', '--port', '1'], { kind: 'serve', flags: ['--port', '1'] }],
    [
      ['--port', '1', 'serve', '--host=::1'],
      { kind: 'serve', flags: ['--port', '1', '--host=::1'] },
    ],
    [['config', 'check'], { kind: 'config_check', flags: [] }],
    [['config', 'check', '--config', 'a'], { kind: 'config_check', flags: ['--config', 'a'] }],
    [
      ['keys', 'create', '--name', 'a', '--scope', 'read'],
      { kind: 'keys_create', args: ['--name', 'a', '--scope', 'read'] },
    ],
    [['keys', 'list'], { kind: 'keys_list', args: [] }],
    [['keys', 'revoke', 'key_a', 'key_b'], { kind: 'keys_revoke', args: ['key_a', 'key_b'] }],
    // What is wrong with flags, loadConfig says, together with the rest.
    [['serve', '--prot', '1', 'x'], { kind: 'serve', flags: ['--prot', '1', 'x'] }],
    [['serve', 'serve'], { kind: 'serve', flags: ['serve'] }],
    [['serve', '--', '--help'], { kind: 'serve', flags: ['--', '--help'] }],
    [['serve', '--profile', 'help'], { kind: 'serve', flags: ['--profile', 'help'] }],
  ])('%j', (argv, command) => {
    expect(parseArguments(argv)).toEqual(command);
  });
});

describe('help and version', () => {
  it.each([
    [[], null],
    [['--help'], null],
    [['-h'], null],
    [['help'], null],
    [['help', 'help'], 'help'],
    [['serve', '--help'], 'serve'],
    [['--help', 'serve'], 'serve'],
    [['help', 'serve'], 'serve'],
    [['serve', '--prot', '1', '-h'], 'serve'],
    [['config', 'check', '--help'], 'config check'],
    [['help', 'config', 'check'], 'config check'],
  ])('%j asks about %j', (argv, topic) => {
    expect(parseArguments(argv)).toEqual({ kind: 'help', topic });
  });

  it.each([[['--version']], [['-v']], [['version']], [['serve', '--version']]])('%j', (argv) => {
    expect(parseArguments(argv)).toEqual({ kind: 'version' });
  });
});

describe('what is no command', () => {
  it.each([
    [['serv'], 'angarium: there is no command "serv": did you mean angarium serve?'],
    [['frobnicate'], 'angarium: there is no command "frobnicate": angarium --help lists them'],
    [['Serve'], 'did you mean angarium serve?'],
    [['serv', '--help'], 'did you mean angarium serve?'],
    [['help', 'serv'], 'did you mean angarium serve?'],
    [['config'], '"config" is not a whole command: write angarium config check'],
    [['config', 'chek'], 'there is no command "config chek": write angarium config check'],
    [['config', '--help'], '"config" is not a whole command: write angarium config check'],
    [['--port', '1'], 'no command is given: write angarium serve'],
    [['--', 'serve'], 'no command is given: write angarium serve'],
    [['constructor'], 'there is no command "constructor"'],
    [[''], 'there is no command ""'],
  ])('%j', (argv, message) => {
    expect(parseArguments(argv)).toEqual({
      kind: 'usage_error',
      message: expect.stringContaining(message) as string,
      exitCode: 2,
    });
    expect(parseArguments(argv)).not.toMatchObject({
      message: expect.stringContaining('\n') as string,
    });
  });
});

it('knows a help for every command, and the program’s names all of them', () => {
  for (const { name, summary } of COMMANDS) {
    expect(helpText(name)).toMatch(/^Usage: angarium /);
    expect(helpText(null)).toContain(`  ${name}  `);
    expect(helpText(null).replaceAll(/\s+/g, ' ')).toContain(summary);
  }
});
