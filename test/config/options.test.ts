import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config.ts';
import { fileName, OPTION_KEYS, variableName } from '../../src/config-options.ts';
import type { Config, OptionKey } from '../../src/config-options.ts';
import { profileTaking, refuseExpressions } from '../support/config-profiles.ts';

const KEY_A = Buffer.alloc(32, 1).toString('base64');
const KEY_B = Buffer.alloc(32, 2).toString('base64');

function load(env: Record<string, string>) {
  return loadConfig({
    env,
    argv: [],
    readFile: () => Promise.reject(new Error('no file is asked for')),
    profiles: [profileTaking('standard', 0), profileTaking('baack', 0)],
    checkExpression: refuseExpressions,
  });
}

async function valueOf(key: OptionKey, text: string): Promise<unknown> {
  const loaded = await load({ [variableName(fileName(key))]: text });
  return loaded.ok ? loaded.config[key] : loaded.problems;
}

/** For each option: what is taken, and the value that comes of it. */
const GOOD: { [Key in OptionKey]: readonly (readonly [string, Config[Key]])[] } = {
  host: [
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['2001:db8::1', '2001:db8::1'],
    ['localhost', 'localhost'],
    ['my_host-1.internal', 'my_host-1.internal'],
  ],
  port: [
    ['0', 0],
    ['1', 1],
    ['65535', 65_535],
  ],
  publicUrl: [
    ['https://events.example.com', 'https://events.example.com'],
    ['http://127.0.0.1:9000/', 'http://127.0.0.1:9000'],
    ['HTTPS://Events.example.com:443/angarium//', 'https://events.example.com/angarium'],
  ],
  trustProxy: [
    ['none', []],
    ['10.0.0.0/8, ::1/128', ['10.0.0.0/8', '::1/128']],
  ],
  shutdownGraceS: [
    ['0', 0],
    ['3600', 3600],
  ],
  logLevel: [
    ['trace', 'trace'],
    ['silent', 'silent'],
  ],
  databaseUrl: [
    ['sqlite:a.db', { engine: 'sqlite', path: 'a.db' }],
    [
      'sqlite:/var/lib/angarium/angarium.db',
      { engine: 'sqlite', path: '/var/lib/angarium/angarium.db' },
    ],
    ['sqlite:../with blank.db', { engine: 'sqlite', path: '../with blank.db' }],
  ],
  // Others only beside a PostgreSQL database: load.test.ts.
  databaseDirectUrl: [['none', null]],
  databaseReadUrl: [['none', null]],
  roles: [
    ['maintain, deliver,api', ['api', 'deliver', 'maintain']],
    ['api,deliver,maintain', ['api', 'deliver', 'maintain']],
  ],
  databaseMaxBytes: [
    ['none', null],
    ['1048576', 1024 ** 2],
    ['512 MiB', 512 * 1024 ** 2],
    ['20GiB', 20 * 1024 ** 3],
  ],
  retentionDays: [
    ['1', 1],
    ['3650', 3650],
  ],
  apiKey: [
    ['0123456789abcdef', '0123456789abcdef'],
    ['!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'],
  ],
  encryptionKey: [
    [KEY_A, [new Uint8Array(32).fill(1)]],
    [KEY_A.replace('=', ''), [new Uint8Array(32).fill(1)]],
    [`${KEY_B}, ${KEY_A}`, [new Uint8Array(32).fill(2), new Uint8Array(32).fill(1)]],
  ],
  topicsFile: [
    ['none', null],
    ['./topics.yaml', './topics.yaml'],
  ],
  unknownTopics: [
    ['accept', 'accept'],
    ['reject', 'reject'],
  ],
  caFile: [
    ['none', null],
    ['./authorities.pem', './authorities.pem'],
  ],
  allowedCidrs: [
    ['none', []],
    ['10.0.0.0/8', ['10.0.0.0/8']],
    ['10.0.0.0/8,fd00::/8', ['10.0.0.0/8', 'fd00::/8']],
  ],
  profile: [['baack', 'baack']],
  smtpUrl: [
    ['none', null],
    ['smtp://u:p%40@mail.example.com:2525', 'smtp://u:p%40@mail.example.com:2525'],
    ['smtps://mail.example.com/', 'smtps://mail.example.com/'],
  ],
  mailFrom: [
    ['hooks@example.com', 'hooks@example.com'],
    ['Web Hooks <hooks@example.com>', 'Web Hooks <hooks@example.com>'],
  ],
  mailTemplates: [
    ['none', null],
    ['./mails', './mails'],
  ],
  maxPayloadBytes: [
    ['1024', 1024],
    ['512 KiB', 512 * 1024],
    ['2mib', 2 * 1024 ** 2],
  ],
  maxBatchBytes: [
    ['1 MiB', 1024 ** 2],
    ['256 MiB', 256 * 1024 ** 2],
  ],
  maxDestinationsPerTenant: [
    ['1', 1],
    ['32767', 32_767],
  ],
  maxConcurrencyPerTenant: [
    ['1', 1],
    ['1000000', 1_000_000],
  ],
  maxConcurrencyPerOrigin: [
    ['1', 1],
    ['2048', 2048],
  ],
  maxPublishPerMinute: [
    ['none', null],
    ['1', 1],
    ['100000000', 100_000_000],
  ],
  outboxUrl: [
    ['none', null],
    [
      'postgres://app:a,b@db.example.com/shop',
      [
        {
          name: 'shop',
          url: 'postgres://app:a,b@db.example.com/shop',
          schema: 'angarium',
        },
      ],
    ],
    [
      'postgresql://db:5433/shop?schema=hooks&sslmode=require, postgres://db/books',
      [
        { name: 'shop.hooks', url: 'postgresql://db:5433/shop?sslmode=require', schema: 'hooks' },
        { name: 'books', url: 'postgres://db/books', schema: 'angarium' },
      ],
    ],
  ],
  auditRetentionDays: [
    ['1', 1],
    ['36500', 36_500],
  ],
  tokenLifetimeS: [
    ['60', 60],
    ['2592000', 2_592_000],
  ],
};

/** For each option: what is refused, and a part of the reason. */
const BAD: Record<OptionKey, readonly (readonly [string, string])[]> = {
  host: [
    ['127.0.0.1:8080', 'without brackets, zone or port'],
    ['[::1]', 'without brackets, zone or port'],
    ['fe80::1%eth0', 'without brackets, zone or port'],
    ['http://localhost', 'neither an IP address nor a host name'],
    ['127.1', 'neither an IP address nor a host name'],
    ['1.2.3.256', 'neither an IP address nor a host name'],
    ['-a', 'neither an IP address nor a host name'],
    ['*', 'neither an IP address nor a host name'],
  ],
  port: ['-1', '65536', '8080.0', '0x50', '08', ' 80', '1e3', 'http'].map((text) => [
    text,
    'is no port: write a whole number from 0 to 65535',
  ]),
  publicUrl: [
    ['events.example.com', 'no http or https URL'],
    ['ftp://events.example.com', 'no http or https URL'],
    ['https://', 'no http or https URL'],
    ['https://me@events.example.com', 'user name or password'],
    ['https://events.example.com/?', 'query or fragment'],
    ['https://events.example.com/#a', 'query or fragment'],
  ],
  trustProxy: [
    ['10.0.0.1', 'write 10.0.0.1/32'],
    ['10.0.0.0/8,none', 'stands alone'],
  ],
  shutdownGraceS: [
    ['-1', 'number of seconds'],
    ['10s', 'number of seconds'],
    ['3601', 'number of seconds'],
  ],
  logLevel: [
    ['INFO', 'write one of trace, debug, info, warn, error, fatal, silent'],
    ['verbose', 'write one of trace'],
  ],
  databaseUrl: [
    ['sqlite:', 'names no file'],
    ['sqlite::memory:', 'would forget'],
    ['sqlite:///var/a.db', 'without slashes of a URL'],
    ['sqlite:file:a.db', 'not a URL of its own'],
    ['sqlite:~/a.db', '~ does not stand for a folder'],
    ['sqlite:data/', 'does not name a file'],
    ['./data/a.db', 'begins neither with sqlite: nor with postgres:'],
    ['mysql://localhost/a', 'begins neither with sqlite: nor with postgres:'],
    ['postgres:///a', 'no URL with a host'],
    ['postgresql://localhost', 'names no database'],
    ['postgres://localhost/', 'names no database'],
    ['postgres://localhost/a?sslmode=prefer', 'sslmode is not known here'],
    ['postgres://localhost/a?sslmode=verify-ca', 'needs sslrootcert=PATH'],
    ['postgres://localhost/a?sslmode=verify-full&sslmode=disable', 'gives "sslmode" twice'],
  ],
  databaseDirectUrl: [
    ['sqlite:a.db', 'does not begin with postgres:'],
    ['postgres://localhost/a?sslmode=prefer', 'sslmode is not known here'],
  ],
  databaseReadUrl: [['postgres://localhost', 'names no database']],
  roles: [['api,deliver,maintain,work', 'is not known: write some of api, deliver, maintain']],
  databaseMaxBytes: [
    ['0', 'from 1 MiB'],
    ['1023 KiB', 'from 1 MiB'],
    ['10 GB', 'such as 1048576 or 16 MiB, or none'],
    ['99999999999999999999', 'no number of bytes'],
  ],
  auditRetentionDays: ['0', 'none', '36501'].map((text) => [text, 'is no number of days']),
  tokenLifetimeS: ['59', '1h', '2592001'].map((text) => [text, 'is no number of seconds']),
  retentionDays: ['0', '-7', '0.5', '7 days', '36501'].map((text) => [
    text,
    'is no number of days: write a whole number from 1 to 36500',
  ]),
  apiKey: [
    ['0123456789abcde', 'only 15 characters long: write 16 or more visible ASCII'],
    ['0123456789 abcdef', 'not visible ASCII'],
    ['0123456789abcdéf', 'not visible ASCII'],
    ['0123456789abcdef\n', 'not visible ASCII'],
  ],
  encryptionKey: [
    [Buffer.alloc(31, 1).toString('base64'), 'it is not the base64 of 32 bytes'],
    [Buffer.alloc(33, 1).toString('base64'), 'it is not the base64 of 32 bytes'],
    [Buffer.alloc(32, 1).toString('hex'), 'it is not the base64 of 32 bytes'],
    [Buffer.alloc(32, 255).toString('base64url'), 'it is not the base64 of 32 bytes'],
    // Another spelling of the same bytes.
    [`${KEY_A.slice(0, 42)}F=`, 'it is not the base64 of 32 bytes'],
    [`${KEY_A},`, 'key 2 is not the base64 of 32 bytes'],
    [`${KEY_A},${KEY_B},${KEY_A}`, 'key 3 is key 1 again'],
  ],
  topicsFile: [[' ', 'it is empty']],
  unknownTopics: [['refuse', 'write one of accept, reject']],
  caFile: [['~/authorities.pem', '~ does not stand for a folder']],
  allowedCidrs: [
    ['localhost', 'write CIDRs such as 10.0.0.0/8'],
    ['10.0.0.1/8', 'write 10.0.0.0/8'],
    ['10.0.0.0/8,', 'is an empty entry'],
  ],
  outboxUrl: [
    ['mysql://db/shop', 'no URL of a PostgreSQL database'],
    ['postgres:///shop', 'no URL with a host'],
    ['postgres://db', 'names no database'],
    ['postgres://db/shop?sslmode=prefer', 'sslmode is not known'],
    ['postgres://db/shop?sslmode=verify-ca', 'needs sslrootcert'],
    ['postgres://db/shop?schema=a.b', 'no name of one'],
    ['postgres://db/shop,postgres://db', 'names no database'],
  ],
  smtpUrl: [
    ['https://mail.example.com', 'no URL of a mail server'],
    ['smtp://', 'no URL of a mail server'],
    ['smtp://mail.example.com/in?x=1', 'more than a server'],
  ],
  mailFrom: [
    ['hooks', 'is no address'],
    ['A <a@b>, B <c@d>', 'is no address'],
  ],
  mailTemplates: [['', 'it is empty']],
  profile: [
    ['standart', 'there is no profile "standart": did you mean standard?'],
    ['other', 'write one of standard, baack'],
  ],
  maxPayloadBytes: [
    ['1023', 'from 1 KiB to 64 MiB'],
    ['65 MiB', 'from 1 KiB to 64 MiB'],
    ['1 MB', 'such as 1024 or 16 MiB'],
    ['1.5 MiB', 'no number of bytes'],
  ],
  maxBatchBytes: [
    ['257 MiB', 'from 1 KiB to 256 MiB'],
    ['512 KiB', 'is less than max_payload_bytes: write 1 MiB or more'],
  ],
  maxDestinationsPerTenant: [
    ['0', 'from 1 to 32767'],
    ['32768', 'from 1 to 32767'],
  ],
  maxConcurrencyPerTenant: [
    ['0', 'from 1 to 1000000'],
    ['none', 'from 1 to 1000000'],
  ],
  maxConcurrencyPerOrigin: [['1000001', 'from 1 to 1000000']],
  maxPublishPerMinute: [
    ['0', 'from 1 to 100000000, or none'],
    ['unlimited', 'or none'],
  ],
};

describe.each(OPTION_KEYS)('%s', (key) => {
  it.each(GOOD[key] as readonly (readonly [string, unknown])[])('takes %j', async (text, value) => {
    expect(await valueOf(key, text)).toEqual(value);
  });

  it.each(BAD[key])('refuses %j: %s', async (text, reason) => {
    const variable = variableName(fileName(key));
    expect(await valueOf(key, text)).toEqual([expect.stringContaining(reason)]);
    expect(await valueOf(key, text)).toEqual([
      expect.stringMatching(new RegExp(`^${variable}: .+: .+`, 's')),
    ]);
  });

  it.each(['', ' '])('refuses %j, which may be a mistake', async (text) => {
    const variable = variableName(fileName(key));
    expect(await valueOf(key, text)).toEqual([
      `${variable}: it is empty: write a value, or take it out for the default`,
    ]);
  });
});

it('names every bad CIDR of a list', async () => {
  expect(await valueOf('allowedCidrs', '10.0.0.1/8,a,::1/128,10.0.0.0')).toHaveLength(3);
});

it.each<[OptionKey, string]>([
  ['apiKey', 'SECRET'],
  ['apiKey', 'SECRET with blanks in it'],
  ['encryptionKey', 'SECRET'],
  ['databaseUrl', 'postgres://me:SECRET@localhost/a'],
  ['databaseUrl', 'postgres://me:SECRET@localhost'],
  ['databaseUrl', 'mysql://me:SECRET@localhost/a'],
  ['databaseDirectUrl', 'postgres://me:SECRET@localhost'],
  ['databaseDirectUrl', 'mysql://me:SECRET@localhost/a'],
  ['publicUrl', 'https://me:SECRET@localhost/a'],
])('does not show what may be secret: %s', async (key, text) => {
  expect(String(await valueOf(key, text))).toMatch(/^ANGARIUM_/);
  expect(String(await valueOf(key, text))).not.toContain('SECRET');
});

it('cuts a long value where it shows it', async () => {
  const problems = String(await valueOf('logLevel', 'x'.repeat(10_000)));
  expect(problems.length).toBeLessThan(300);
});
