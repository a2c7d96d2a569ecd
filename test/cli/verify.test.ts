/** `angarium verify` on captured requests: what it says is wrong, and with which code it ends. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../sdk/src/index.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import { helpText } from '../../src/cli/help.ts';
import { VERIFY_FLAGS } from '../../src/cli/verify-flags.ts';
import { runVerify } from '../../src/cli/verify.ts';
import { AT_MS, CASES, caseOf, messageOf } from '../support/sdk-messages.ts';

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly nowMs?: number;
}

const run = (argv: readonly string[], { files = {}, stdin = '', nowMs = AT_MS }: Given = {}) =>
  runVerify(argv, {
    async readFile(path) {
      const text = files[path];
      if (text === undefined) throw new Error('no such file');
      return Buffer.from(text);
    },
    readUrl: async (url) => {
      throw new Error(`${url} is not for these tests`);
    },
    readStandardInput: async () => Buffer.from(stdin),
    nowMs,
  });

const headerFlags = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);

/** A message of the profile, judged with these changes. */
async function judge(
  profile: (typeof CASES)[number]['profile'],
  change: { body?: string; argv?: readonly string[]; nowMs?: number; secret?: string } = {},
) {
  const { headers, body } = messageOf(profile);
  const { secret = caseOf(profile).secret, argv = [], nowMs } = change;
  return run(
    [
      '--profile',
      profile,
      '--secret',
      secret,
      '--body-file',
      '-',
      ...headerFlags(headers),
      ...argv,
    ],
    { stdin: change.body ?? body, ...(nowMs === undefined ? {} : { nowMs }) },
  );
}

describe.each(CASES)('a request of $profile', ({ profile, otherSecret, topic, body }) => {
  it('is good as it was sent', async () => {
    const { exitCode, stdout, stderr } = await judge(profile);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^good: .*\n {2}profile {5}/);
    expect(stdout).toContain(`  topic       ${topic}\n`);
  });

  it.each<[string, (text: string) => string, string]>([
    ['has a line break more', (text) => `${text}\n`, 'without the line break at its end'],
    [
      'has a line break more, of CR LF',
      (text) => `${text}\r\n`,
      'without the line break at its end',
    ],
    ['was made pretty', (text) => JSON.stringify(JSON.parse(text), null, 4), 'another spelling'],
    ['has a byte order mark', (text) => `\uFEFF${text}`, 'without the byte order mark'],
  ])('whose body %s is refused, and it says so', async (_, change, says) => {
    // Of the numbers that JSON spells in several ways, the first spelling is gone once they are parsed.
    const plain = body.replace('1.0', '1').replace(', ', ',');
    const { sign, secret } = caseOf(profile);
    const { headers } = sign(plain, { secrets: [secret], id: 'evt_1', atMs: AT_MS });
    const { exitCode, stdout } = await run(
      ['--profile', profile, '--secret', secret, '--body-file=-', ...headerFlags(headers)],
      { stdin: change(plain) },
    );
    expect(exitCode).toBe(1);
    expect(stdout).toContain('refused: signature_mismatch');
    expect(stdout).toContain(says);
  });

  it('of another secret is refused, and among several secrets the right one is named', async () => {
    const refused = await judge(profile, { secret: otherSecret });
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toContain('It is good for none of these either');
    const { secret } = caseOf(profile);
    const good = await judge(profile, { secret: otherSecret, argv: ['--secret', secret] });
    expect(good.exitCode).toBe(0);
    expect(good.stdout).toContain('  secret      number 2 of 2\n');
  });

  it('without its signature is refused, and the header is named', async () => {
    const { exitCode, stdout } = await run(
      ['--profile', profile, '--secret', caseOf(profile).secret, '--body-file', '-'],
      { stdin: body },
    );
    expect(exitCode).toBe(1);
    expect(stdout).toBe(
      `refused: missing_header\n  there is no header ${caseOf(profile).signatureHeader}\n`,
    );
  });
});

describe('it says', () => {
  it('how far the time is off, and how to say when the request came', async () => {
    const old = await judge('standard', { nowMs: AT_MS + 3_600_000 });
    expect(old.exitCode).toBe(1);
    expect(old.stdout).toMatch(
      /^refused: timestamp_too_old\n {2}the message was signed 3600 s ago, and 300 s are allowed\n.*--at/,
    );
    const early = await judge('baack', { argv: ['--at', '2026-11-21T09:00:00Z'] });
    expect(early.stdout).toContain('refused: timestamp_too_new\n');
    for (const argv of [
      ['--at', '2026-11-21T10:04:59Z'],
      ['--at', '2026-11-21T12:00:00.500+02:00'],
      ['--at', String(AT_MS / 1000 + 300)],
      ['--at', '0', '--tolerance', 'none'],
      ['--at', String(AT_MS / 1000 + 3600), '--tolerance=3600'],
    ])
      expect((await judge('standard', { argv })).exitCode).toBe(0);
  });

  it('which profile the headers are of', async () => {
    const { headers, body } = messageOf('balkanid');
    const { exitCode, stdout } = await run(
      ['--secret', caseOf('standard').secret, '--body-file', '-', ...headerFlags(headers)],
      { stdin: body },
    );
    expect(exitCode).toBe(1);
    expect(stdout).toContain('try --profile balkanid');
  });

  it('which header is malformed', async () => {
    const { stdout } = await judge('standard', { argv: ['--header', 'webhook-id: again'] });
    expect(stdout).toContain('refused: signature_mismatch');
    const { headers, body } = messageOf('standard');
    const bad = await run(
      [
        '--secret',
        caseOf('standard').secret,
        '--body-file',
        '-',
        ...headerFlags({ ...headers, 'webhook-signature': 'v1=abc' }),
      ],
      { stdin: body },
    );
    expect(bad.stdout).toContain(
      'refused: malformed_header\n  the header webhook-signature has no',
    );
  });

  it('that the sender took the secret for a key in another way', async () => {
    const { headers, body } = messageOf('standard');
    const { secret } = caseOf('standard');
    const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const signature = createHmac('sha256', secret).update(content).digest('base64');
    const { exitCode, stdout } = await run(
      [
        '--secret',
        secret,
        '--body-file',
        '-',
        ...headerFlags({ ...headers, 'webhook-signature': `v1,${signature}` }),
      ],
      { stdin: body },
    );
    expect(exitCode).toBe(1);
    expect(stdout).toContain('good for the whole secret as the key');
    const decoded = Buffer.from(caseOf('balkanid').secret.slice(6), 'base64');
    const balkanid = messageOf('balkanid');
    const other = createHmac('sha256', decoded).update(balkanid.body).digest('hex');
    const result = await run(
      [
        '--profile',
        'balkanid',
        '--secret',
        caseOf('balkanid').secret,
        '--body-file',
        '-',
        ...headerFlags({ ...balkanid.headers, 'x-outpost-signature': `v0=${other}` }),
      ],
      { stdin: balkanid.body },
    );
    expect(result.stdout).toContain('good for the base64 after whsec_ as the key');
  });

  it('that the secret has blanks at its ends', async () => {
    const { stdout } = await judge('baack', { secret: ` ${caseOf('baack').secret} ` });
    expect(stdout).toContain('without the blanks at its ends');
  });

  it('that JSON was spelled as other languages do', async () => {
    const spelled = '{"event": "a", "list": [1, "\\u00e9"]}';
    const { secret } = caseOf('basekit');
    const signature = createHmac('sha256', secret).update(spelled).digest('hex');
    const { stdout } = await run(
      [
        '--profile',
        'basekit',
        '--secret',
        secret,
        '--body-file',
        '-',
        ...headerFlags({ 'X-Delivery-Hmac-SHA256': signature }),
      ],
      { stdin: '{"event":"a","list":[1,"é"]}' },
    );
    expect(stdout).toContain('another spelling');
  });

  it('nothing that a terminal would obey', async () => {
    const { secret, sign } = caseOf('basekit');
    const { headers, body } = sign('{"event":"a\\u001b[2Jb"}', {
      secrets: [secret],
      id: 'd',
      atMs: AT_MS,
    });
    const { stdout } = await run(
      ['--profile', 'basekit', '--secret', secret, '--body-file=-', ...headerFlags(headers)],
      { stdin: body },
    );
    expect(stdout).toContain('  topic       a?[2Jb\n');
  });

  it('what of it is not signed', async () => {
    expect((await judge('balkanid')).stdout).toContain('  not signed  id, topic, timestamp\n');
    expect((await judge('standard')).stdout).not.toContain('not signed');
  });
});

describe('the headers of a file', () => {
  const { headers, body } = messageOf('standard');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
  const withFile = (text: string, argv: readonly string[] = []) =>
    run(['--secret-file', 'secret', '--headers-file', 'headers', '--body-file', 'body', ...argv], {
      files: { secret: `\n${caseOf('standard').secret}\n`, headers: text, body },
    });

  it.each([
    ['are lines', lines.join('\n')],
    ['are lines as on the wire', `POST /hook HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\nthe body: x`],
    ['are a JSON object', JSON.stringify(headers)],
    [
      'are a JSON object with lists',
      JSON.stringify(
        Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
      ),
    ],
  ])('%s', async (_, text) => {
    expect(await withFile(text)).toMatchObject({ exitCode: 0 });
  });

  it('give way to those of the flags', async () => {
    const wrong = [...lines.slice(1), 'webhook-id: another'].join('\n');
    const flag = ['--header', `Webhook-Id: ${headers['webhook-id']}`];
    expect(await withFile(wrong)).toMatchObject({ exitCode: 1 });
    expect(await withFile(wrong, flag)).toMatchObject({ exitCode: 0 });
  });

  it('are held against the form of headers', async () => {
    expect(await withFile('a: b\nnonsense')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--headers-file: line 2 is no header') as string,
    });
    expect(await withFile('{"a"')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('begins like JSON, but is none') as string,
    });
  });
});

describe('what keeps it from judging is all said at once, with 2', () => {
  it.each<[readonly string[], readonly string[]]>([
    [[], ['--secret: it is missing', '--body-file: it is missing']],
    [
      ['--profile', 'standart', '--secret', 'x', '--body-file', '-', '--at', 'noon'],
      ['there is no profile "standart": did you mean standard?', '--at: write a time'],
    ],
    [
      ['--secret', 'x', '--body-file', '-', '--header', 'nonsense', '--tolerance', '5m'],
      ['--header: "nonsense" is no header', '--tolerance: write a whole number'],
    ],
    [['--scret', 'x'], ['--scret: there is no such option: did you mean --secret?']],
    [['--secret'], ['--secret: it has no value']],
    [['word'], ['"word": an option begins with --']],
    [['--at', '1', '--at', '2'], ['--at: it is given twice']],
    [['--body-file', 'gone'], ['--body-file: "gone" cannot be read: no such file']],
    [['--secret', 'whsec_x', '--body-file', '-'], ['--secret: secret 1 has']],
    [
      ['--secret', caseOf('standard').secret.replace('whsec_', 'whsk_'), '--body-file', '-'],
      ['give the public one'],
    ],
  ])('%j', async (argv, says) => {
    const { exitCode, stdout, stderr } = await run(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    for (const part of says) expect(stderr).toContain(part);
  });
});

it('its help has every flag and every profile', () => {
  const help = helpText('verify');
  for (const { name } of VERIFY_FLAGS) expect(help).toContain(`  --${name} `);
  for (const name of Object.keys(PROFILES)) expect(help).toContain(name);
});

it('is found on the command line, with its flags', () => {
  const flags = ['--header', 'a: b', '--body-file', '-'];
  expect(parseArguments(['verify', ...flags])).toEqual({ kind: 'verify', flags });
  expect(parseArguments(['help', 'verify'])).toEqual({ kind: 'help', topic: 'verify' });
});
