/** `profiles:` in the configuration file. */
import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config.ts';
import { describeConfig } from '../../src/config-report.ts';
import type { Profile } from '../../src/domain/profile.ts';
import { baack } from '../../src/profiles/baack.ts';
import { standard } from '../../src/profiles/standard.ts';

const load = (yaml: string, env: Record<string, string> = {}) =>
  loadConfig({
    env,
    argv: ['--config', 'a.yaml'],
    readFile: () => Promise.resolve(yaml),
    profiles: [standard, baack],
    checkExpression: (expression) => (expression === 'data' ? null : 'it does not parse: mend it'),
  });

/** The one profile that the settings make, named `mine`; each line is a setting of it. */
async function profile(...lines: string[]): Promise<Profile> {
  const loaded = await load(`profiles:\n  mine:\n${indented(lines)}`);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const [first] = loaded.defined;
  if (first === undefined) throw new Error('it defines none');
  return first.profile;
}

/** The problems of the settings; the first one stands on line 3. */
async function problems(...lines: string[]): Promise<readonly string[]> {
  const loaded = await load(`profiles:\n  mine:\n${indented(lines)}`);
  return loaded.ok ? [] : loaded.problems;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}\n`).join('');
}

const SIGNED = 'signature: {header: X-Signature}';

describe('a profile', () => {
  it('of a signature alone is the plain data, signed in hex, tried as the first one built in', async () => {
    expect(await profile(SIGNED)).toEqual({
      name: 'mine',
      payload: 'data',
      contentType: 'application/json',
      headers: [],
      metadataHeaderPrefix: null,
      signature: {
        header: 'X-Signature',
        signed: '{body}',
        algorithm: 'sha256',
        encoding: 'hex',
        each: '{signature}',
        separator: ',',
        value: '{signatures}',
        eachEd25519: null,
      },
      secret: {
        prefix: '',
        key: 'utf8',
        minBytes: 16,
        maxBytes: 255,
        generated: { bytes: 32, encoding: 'hex' },
        shown: 'value',
        scope: 'destination',
        ed25519: false,
        overlapMs: 86_400_000,
      },
      success: standard.success,
      retried: standard.retried,
      retry: standard.retry,
      timeoutMs: standard.timeoutMs,
      ratePerMinute: null,
      rateCounts: 'attempts',
      ending: standard.ending,
    });
  });

  it('that extends another is that one but for what it says, member by member', async () => {
    expect(await profile('extends: standard')).toEqual({ ...standard, name: 'mine' });
    expect(
      await profile(
        'extends: baack',
        'signature: {header: X-Hmac, encoding: base64}',
        'secret: {shown: value}',
        'retry: {jitter: 0.5}',
        'retried: {reasons: null}',
      ),
    ).toEqual({
      ...baack,
      name: 'mine',
      signature: { ...baack.signature, header: 'X-Hmac', encoding: 'base64' },
      secret: { ...baack.secret, shown: 'value' },
      retry: { ...baack.retry, jitter: 0.5 },
      retried: { ...baack.retried, reasons: null },
    });
  });

  it('may say everything', async () => {
    expect(
      await profile(
        'payload: {jmespath: data}',
        'content_type: application/vnd.mine+json; v=1',
        'headers:',
        '  X-Id: "{event_id}"',
        '  X-Plain: a b',
        'metadata_header_prefix: x-mine-',
        'signature:',
        '  header: X-Signature',
        '  signed: "{nonce}:{body}:{attempt}"',
        '  algorithm: sha512',
        '  encoding: base64',
        '  each: k={signature}',
        '  separator: "; "',
        '  value: n={nonce} {signatures}',
        '  each_ed25519: e={signature}',
        'secret:',
        '  prefix: s_',
        '  key: base64',
        '  min_bytes: 20',
        '  max_bytes: 40',
        '  generated: {bytes: 24, encoding: base64}',
        '  shown: sha256',
        '  scope: tenant',
        '  ed25519: true',
        '  overlap_s: 60',
        'success: [200, 202]',
        'retried: {statuses: {only: [500]}, reasons: [timeout, dns]}',
        'retry: {base_s: 1.5, factor: 2, cap_s: 4, count: 3, jitter: 0.2, window_s: 60}',
        'timeout_ms: 100',
        'rate_per_minute: 30',
        'rate_counts: first_attempts',
      ),
    ).toEqual({
      name: 'mine',
      payload: 'jmespath:data',
      contentType: 'application/vnd.mine+json; v=1',
      headers: [
        ['X-Id', '{event_id}'],
        ['X-Plain', 'a b'],
      ],
      metadataHeaderPrefix: 'x-mine-',
      signature: {
        header: 'X-Signature',
        signed: '{nonce}:{body}:{attempt}',
        algorithm: 'sha512',
        encoding: 'base64',
        each: 'k={signature}',
        separator: '; ',
        value: 'n={nonce} {signatures}',
        eachEd25519: 'e={signature}',
      },
      secret: {
        prefix: 's_',
        key: 'base64',
        minBytes: 20,
        maxBytes: 40,
        generated: { bytes: 24, encoding: 'base64' },
        shown: 'sha256',
        scope: 'tenant',
        ed25519: true,
        overlapMs: 60_000,
      },
      success: { only: [200, 202] },
      retried: { statuses: { only: [500] }, reasons: ['timeout', 'dns'] },
      retry: { delaysMs: [1500, 3000, 4000], jitter: 0.2, windowMs: 60_000 },
      timeoutMs: 100,
      ratePerMinute: 30,
      rateCounts: 'first_attempts',
      ending: standard.ending,
    });
  });

  it('need not be signed, and then says so', async () => {
    expect((await profile('signature: null')).signature).toBeNull();
    expect(await problems('payload: data')).toEqual([
      'a.yaml:2: profiles.mine: signature is missing: write how messages are signed, or signature: null where they are not',
    ]);
  });

  it('is the default where the option says so, whichever stands first', async () => {
    const yaml = `profile: mine\nprofiles:\n  mine:\n    ${SIGNED}\n`;
    const loaded = await load(yaml);
    expect(loaded).toMatchObject({ ok: true, config: { profile: 'mine' } });
    const wrong = await load(yaml.replace('profile: mine', 'profile: mien'));
    expect(wrong.ok ? [] : wrong.problems).toEqual([
      'a.yaml:1: profile: there is no profile "mien": did you mean mine?',
    ]);
  });

  it('takes parts from anchors, and one that holds itself ends', async () => {
    const loaded = await load(
      'profiles:\n  a:\n    signature: &s {header: X-A}\n  b:\n    signature: *s\n',
    );
    expect(loaded.ok && loaded.defined.map((each) => each.profile.signature?.header)).toEqual([
      'X-A',
      'X-A',
    ]);
    const endless = await load('profiles: &p\n  a: *p\n');
    expect(endless.ok).toBe(false);
  });

  it('is kept as long as its retries take', async () => {
    const yaml = `profiles:\n  slow:\n    ${SIGNED}\n    retry: {delays_s: [600000, 60000]}\n`;
    const loaded = await load(yaml);
    expect(loaded.ok ? [] : loaded.problems).toEqual([
      expect.stringMatching(
        /7 is shorter than the retry schedule of the profile slow, which takes 8\.5 days: write 9/,
      ),
    ]);
    const bounded = yaml.replace(']}', '], window_s: 86400}');
    expect((await load(bounded)).ok).toBe(true);
  });
});

describe('names line, setting and remedy', () => {
  it.each<[string[], string]>([
    [[], '2: profiles.mine: it is no mapping'],
    [
      ['extends: nope', SIGNED],
      '3: profiles.mine.extends: "nope" is not known: write standard or baack',
    ],
    [
      ['payload: xml', SIGNED],
      '3: profiles.mine.payload: "xml" is not known: write standard or data',
    ],
    [
      ['payload: {jmespath: "]"}', SIGNED],
      '3: profiles.mine.payload.jmespath: it does not parse: mend it',
    ],
    [['payload: {xpath: a}', SIGNED], '3: profiles.mine.payload: write standard, data,'],
    [['content_type: json', SIGNED], '3: profiles.mine.content_type: it is no media type'],
    [['content_type: 7', SIGNED], '3: profiles.mine.content_type: it is no text'],
    [['headers: [a]', SIGNED], '3: profiles.mine.headers: it is no mapping'],
    [
      [SIGNED, 'headers:', '  "X Y": a'],
      '5: profiles.mine.headers.X Y: it is no name that a header',
    ],
    [
      [SIGNED, 'headers:', '  Host: a'],
      '5: profiles.mine.headers.Host: the sender sets this header itself',
    ],
    [
      [SIGNED, 'headers:', '  X-A: a', '  x-a: b'],
      '6: profiles.mine.headers.x-a: this header is there already',
    ],
    [
      [SIGNED, 'headers:', '  X-A: "{tpoic}"'],
      '5: profiles.mine.headers.X-A: there is no variable {tpoic}',
    ],
    [
      [SIGNED, 'headers:', '  X-A: "{topic"'],
      '5: profiles.mine.headers.X-A: the braces do not match',
    ],
    [
      [SIGNED, 'headers:', '  X-A: "ü"'],
      '5: profiles.mine.headers.X-A: a header’s value is visible ASCII',
    ],
    [
      [SIGNED, 'headers:', '  X-A: ""'],
      '5: profiles.mine.headers.X-A: a header’s value is visible ASCII',
    ],
    [
      [SIGNED, 'headers:', '  X-A: "a\\r\\nX-B: c"'],
      '5: profiles.mine.headers.X-A: a header’s value',
    ],
    [
      [SIGNED, 'headers: {x-signature: a}'],
      '4: profiles.mine.headers: x-signature is the header of the signature',
    ],
    [['signature: {encoding: hex}'], '3: profiles.mine.signature: header is missing'],
    [
      ['signature: {header: X, signed: {body}}'],
      '3: profiles.mine.signature.signed: it is a mapping: write a text, in quotes',
    ],
    [
      ['signature: {header: X, signed: "{timestamp}"}'],
      '3: profiles.mine.signature.signed: {body} has to stand in it once',
    ],
    [['signature: {header: X, signed: "{body}{body}"}'], '{body} has to stand in it once'],
    [
      ['signature: {header: X, each: "{signatures}"}'],
      'signature.each: {signature} has to stand in it once',
    ],
    [
      ['signature: {header: X, each: "{timestamp}{signature}"}'],
      'signature.each: only {signature} can stand in it',
    ],
    [
      ['signature: {header: X, value: "{signature}"}'],
      'signature.value: {signatures} has to stand in it once',
    ],
    [
      ['signature: {header: X, value: "{body}{signatures}"}'],
      'signature.value: there is no variable {body}',
    ],
    [
      ['signature: {header: X, algorithm: md5}'],
      '"md5" is not known: write sha256 or sha512 or sha1',
    ],
    [
      ['signature: {header: X, separator: ""}'],
      'signature.separator: it is not 1 to 16 visible characters',
    ],
    [
      ['signature:', '  header: X', '  hedaer: Y'],
      '5: profiles.mine.signature.hedaer: there is no such setting: did you mean header?',
    ],
    [
      [SIGNED, 'secret: {min_bytes: 40, max_bytes: 20}'],
      '4: profiles.mine.secret: min_bytes is above max_bytes',
    ],
    [
      [SIGNED, 'secret: {max_bytes: 20}'],
      '4: profiles.mine.secret: what is generated (32 bytes in hex) is no secret of this format',
    ],
    [
      [SIGNED, 'secret: {generated: {bytes: 32}}'],
      '4: profiles.mine.secret.generated: encoding is missing',
    ],
    [
      [SIGNED, 'secret: {ed25519: true}'],
      '4: profiles.mine.secret: secrets may be ed25519 keys, but each_ed25519',
    ],
    [
      ['extends: standard', 'signature: {each_ed25519: null}'],
      '4: profiles.mine.signature: secrets may be ed25519 keys',
    ],
    [
      [SIGNED, 'secret: {ed25519: yes}'],
      '4: profiles.mine.secret.ed25519: "yes" is neither true nor false',
    ],
    [
      [SIGNED, 'success: {from_status: 300, to_status: 200}'],
      '4: profiles.mine.success: from_status is above to_status',
    ],
    [[SIGNED, 'success: {from_status: 200}'], '4: profiles.mine.success: to_status is missing'],
    [[SIGNED, 'success: []'], '4: profiles.mine.success: it is empty'],
    [[SIGNED, 'success: [200, 20]'], '4: profiles.mine.success.2: 20 is no number from 100 to 599'],
    [
      [SIGNED, 'retried: {statuses: {}}'],
      '4: profiles.mine.retried.statuses: write one of the two',
    ],
    [
      [SIGNED, 'retried: {reasons: [late]}'],
      '4: profiles.mine.retried.reasons.1: "late" is not known',
    ],
    [[SIGNED, 'retry: {base_s: 1}'], '4: profiles.mine.retry: delays that grow want all four'],
    [
      [SIGNED, 'retry: {delays_s: [1], base_s: 1}'],
      '4: profiles.mine.retry: it has delays that are listed',
    ],
    [
      [SIGNED, 'retry: {delays_s: [-1]}'],
      '4: profiles.mine.retry.delays_s.1: -1 is no number from 0 to 604800',
    ],
    [[SIGNED, 'retry: {jitter: 2}'], '4: profiles.mine.retry.jitter: 2 is no number from 0 to 1'],
    [[SIGNED, 'timeout_ms: 1.5'], '4: profiles.mine.timeout_ms: 1.5 is no whole number'],
    [[SIGNED, 'timeout_ms: 99'], '4: profiles.mine.timeout_ms: 99 is no number from 100 to 120000'],
    [[SIGNED, 'timeout: 5'], '4: profiles.mine.timeout: there is no such setting'],
    [
      [SIGNED, 'rate_counts: retries'],
      '4: profiles.mine.rate_counts: "retries" is not known: write attempts or first_attempts',
    ],
    [
      [SIGNED, 'rate_per_minute: 0'],
      '4: profiles.mine.rate_per_minute: 0 is no number from 1 to 1000000',
    ],
    [
      [SIGNED, 'secret: {overlap_s: -1}'],
      '4: profiles.mine.secret.overlap_s: -1 is no number from 0 to',
    ],
  ])('of %j', async (lines, problem) => {
    const found = await problems(...lines);
    expect(found).toHaveLength(1);
    expect(`${found[0]}`).toContain(problem);
    expect(`${found[0]}`).toMatch(/^a\.yaml:\d+: profiles\.mine/);
  });

  it.each([
    ['profiles:\n  Mine:\n    signature: null\n', '2: profiles.Mine: a profile’s name is 1 to 64'],
    [
      'profiles:\n  standard:\n    extends: baack\n',
      '2: profiles.standard: a profile of this name is built in',
    ],
    ['profiles: [a]\n', '1: profiles: it is no mapping'],
    ['profile_s: {}\n', '1: "profile_s": there is no such option: did you mean profiles?'],
  ])('of %j', async (yaml, problem) => {
    const loaded = await load(yaml);
    expect(loaded.ok ? [] : loaded.problems).toEqual([
      expect.stringContaining(`a.yaml:${problem}`),
    ]);
  });

  it('of all that is wrong at once, other options too', async () => {
    const loaded = await load(
      'port: x\nprofiles:\n  a:\n    signature: {header: "X Y", encoding: hexx}\n    timeout_ms: 1\n  b:\n    extends: a\n',
      { ANGARIUM_HOST: '' },
    );
    expect(loaded.ok ? [] : loaded.problems).toEqual([
      expect.stringContaining('ANGARIUM_HOST: it is empty'),
      expect.stringContaining('a.yaml:1: port: '),
      expect.stringContaining('a.yaml:4: profiles.a.signature.header: '),
      expect.stringContaining('a.yaml:4: profiles.a.signature.encoding: "hexx" is not known'),
      expect.stringContaining('a.yaml:5: profiles.a.timeout_ms: '),
      expect.stringContaining('a.yaml:7: profiles.b.extends: "a" is not known'),
    ]);
  });
});

it('is a line of `config check`', async () => {
  const loaded = await load(`profiles:\n  mine:\n    ${SIGNED}\n    retry: {delays_s: [1, 2]}\n`);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  expect(describeConfig(loaded)).toContain(
    '\nprofiles.mine: payload data, signed {body} with HMAC-SHA256 in X-Signature, 3 attempts of 15000 ms  (a.yaml:2)\n',
  );
});
