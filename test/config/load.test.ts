import { describe, expect, it } from 'vitest';

import { loadConfig, readEnvironment } from '../../src/config.ts';
import type { ConfigInput } from '../../src/config.ts';
import { fileName, flagName, OPTION_KEYS, variableName } from '../../src/config-options.ts';
import { describeConfig } from '../../src/config-report.ts';
import { profileTaking, refuseExpressions } from '../support/config-profiles.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

interface Input extends Partial<ConfigInput> {
  /** The content of angarium.yaml. */
  readonly yaml?: string;
}

async function load({ yaml, ...input }: Input = {}) {
  const read: string[] = [];
  const loaded = await loadConfig({
    env: {},
    argv: [],
    profiles: [profileTaking('standard', 3.15 * DAY_MS)],
    checkExpression: refuseExpressions,
    readFile: (path) => {
      read.push(path);
      if (yaml !== undefined && path === 'angarium.yaml') return Promise.resolve(yaml);
      return Promise.reject(new Error(`ENOENT: no such file or directory, open '${path}'`));
    },
    ...input,
  });
  return { loaded, read };
}

async function good(input?: Input) {
  const { loaded } = await load(input);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded;
}

async function problems(input: Input) {
  const { loaded } = await load(input);
  return loaded.ok ? [] : loaded.problems;
}

describe('without anything', () => {
  it('gives the defaults of the contract, and reads no file', async () => {
    const { loaded, read } = await load();
    expect(loaded).toMatchObject({
      ok: true,
      config: {
        host: '127.0.0.1',
        port: 8080,
        publicUrl: 'http://127.0.0.1:8080',
        trustProxy: [],
        shutdownGraceS: 10,
        logLevel: 'info',
        databaseUrl: { engine: 'sqlite', path: './data/angarium.db' },
        databaseDirectUrl: null,
        databaseReadUrl: null,
        roles: ['api', 'deliver', 'maintain'],
        databaseMaxBytes: null,
        retentionDays: 7,
        auditRetentionDays: 365,
        tokenLifetimeS: 3600,
        apiKey: null,
        encryptionKey: null,
        allowedCidrs: ['127.0.0.0/8', '::1/128'],
        profile: 'standard',
        maxPayloadBytes: 1_048_576,
        maxBatchBytes: 16_777_216,
        maxDestinationsPerTenant: 1000,
        maxPublishPerMinute: null,
      },
    });
    expect(read).toEqual([]);
  });

  it('has a value and a source for every option', async () => {
    const { config, sources } = await good();
    expect(Object.keys(config).sort()).toEqual([...OPTION_KEYS].sort());
    for (const key of OPTION_KEYS) expect(sources[key].from, key).toBe('default');
  });
});

describe('precedence', () => {
  const argv = ['--config', 'angarium.yaml', '--port', '1'];
  const env = { ANGARIUM_PORT: '2', ANGARIUM_LOG_LEVEL: 'warn' };
  const yaml = 'port: 3\nlog_level: error\nretention_days: 30\n';

  it('is flag, environment, file, default, for each option by itself', async () => {
    const { config, sources } = await good({ argv, env, yaml });
    expect(config).toMatchObject({
      port: 1,
      logLevel: 'warn',
      retentionDays: 30,
      shutdownGraceS: 10,
    });
    expect(sources.port).toEqual({ from: 'flag', spelling: '--port' });
    expect(sources.logLevel).toEqual({ from: 'env', spelling: 'ANGARIUM_LOG_LEVEL' });
    expect(sources.retentionDays).toEqual({
      from: 'file',
      spelling: 'angarium.yaml:3: retention_days',
    });
    expect(sources.shutdownGraceS.from).toBe('default');
  });

  it('takes the file of the flag before that of the environment', async () => {
    const { loaded, read } = await load({ argv, env: { ANGARIUM_CONFIG: 'other.yaml' }, yaml });
    expect(loaded.ok).toBe(true);
    expect(read).toEqual(['angarium.yaml']);
  });

  it('does not look at a value that another one goes before', async () => {
    const { config } = await good({
      argv: ['--port', '1'],
      env: { ANGARIUM_PORT: 'tcp://10.0.0.1' },
    });
    expect(config.port).toBe(1);
  });
});

describe('flags', () => {
  it('takes every option as a flag, in both spellings', async () => {
    const value = (name: string) =>
      ({
        host: '::1',
        port: '0',
        public_url: 'https://a.example',
        trust_proxy: '10.0.0.0/8',
        shutdown_grace_s: '1',
        log_level: 'debug',
        database_url: 'sqlite:a.db',
        database_direct_url: 'none',
        database_read_url: 'none',
        roles: 'api, deliver, maintain',
        database_max_bytes: '1 GiB',
        retention_days: '9',
        audit_retention_days: '9',
        token_lifetime_s: '60',
        api_key: '--0123456789abcdef',
        encryption_key: ENCRYPTION_KEY,
        topics_file: 'none',
        unknown_topics: 'reject',
        allowed_cidrs: 'none',
        ca_file: 'authorities.pem',
        profile: 'standard',
        outbox_url: 'postgres://a.example/shop',
        smtp_url: 'smtp://a.example',
        mail_from: 'a@a.example',
        mail_templates: 'none',
        max_payload_bytes: '1 KiB',
        max_batch_bytes: '1 KiB',
        max_destinations_per_tenant: '5',
        max_concurrency_per_tenant: '5',
        max_concurrency_per_origin: '5',
        max_publish_per_minute: '600',
      })[name] ?? '';
    const names = OPTION_KEYS.map(fileName);
    const { sources } = await good({
      argv: names.flatMap((name, index) =>
        index % 2 === 0 && name !== 'api_key'
          ? [flagName(name), value(name)]
          : [`${flagName(name)}=${value(name)}`],
      ),
    });
    for (const key of OPTION_KEYS) expect(sources[key].from, key).toBe('flag');
  });

  it.each([
    [['--prot', '1'], '--prot: there is no such option: did you mean --port?'],
    [['--prot=1'], '--prot: there is no such option: did you mean --port?'],
    [['--database_url=sqlite:a'], 'did you mean --database-url?'],
    [['--frobnicate'], 'there is no such option: angarium serve --help lists the options'],
    [['--constructor'], '--constructor: there is no such option'],
    [['-p'], '-p: there is no such option'],
    [['--port'], '--port: it has no value: write --port VALUE'],
    [['--port', '--host=::1'], '--port: it has no value: write --port VALUE'],
    [['--port', '1', '--port', '2'], '--port: it is given twice: take one of them out'],
    [['8080'], '"8080": an option begins with --: take this word out'],
    [['--port', '1', '--', 'x'], '"x": an option begins with --'],
  ])('refuses %j', async (argv, problem) => {
    expect(await problems({ argv })).toEqual([expect.stringContaining(problem)]);
  });
});

describe('environment', () => {
  it.each([
    ['ANGARIUM_PROT', 'ANGARIUM_PROT: there is no such option: did you mean ANGARIUM_PORT?'],
    ['ANGARIUM_DATABSE_URL', 'did you mean ANGARIUM_DATABASE_URL?'],
    ['ANGARIUM_ENCRYPTION_KEYS', 'did you mean ANGARIUM_ENCRYPTION_KEY?'],
    ['ANGARIUM_port', 'did you mean ANGARIUM_PORT?'],
    ['ANGARIUM_CONFIGURATION_OF_ALL', 'take it out; angarium serve --help lists the options'],
    ['ANGARIUM_', 'there is no such option'],
  ])('refuses %s', async (variable, problem) => {
    expect(await problems({ env: { [variable]: 'SECRET' } })).toEqual([
      expect.stringContaining(problem),
    ]);
  });

  it('ignores what does not begin with ANGARIUM_', async () => {
    const { config } = await good({ env: { PORT: '1', angarium_port: '2', HOST: 'x' } });
    expect(config).toMatchObject({ port: 8080, host: '127.0.0.1' });
  });

  it('says how to end the variables of a Kubernetes service, in one line beside the bad port', async () => {
    const env = {
      ANGARIUM_PORT: 'tcp://10.0.0.1:80',
      ANGARIUM_SERVICE_HOST: '10.0.0.1',
      ANGARIUM_SERVICE_PORT: '80',
      ANGARIUM_SERVICE_PORT_HTTP: '80',
      ANGARIUM_PORT_80_TCP: 'tcp://10.0.0.1:80',
      ANGARIUM_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    expect(await problems({ env })).toEqual([
      expect.stringMatching(/^ANGARIUM_SERVICE_HOST: .*enableServiceLinks: false/),
      expect.stringMatching(/^ANGARIUM_PORT: /),
    ]);
  });

  it('is read from the process', () => {
    expect(readEnvironment()['PATH']).toBe(process.env['PATH']);
  });
});

it('says all that is wrong at once, each by the name by which it was given', async () => {
  const said = await problems({
    argv: ['--config=angarium.yaml', '--port=x', '--hots', 'a'],
    env: { ANGARIUM_HOST: 'a b', ANGARIUM_LOG: '1', ANGARIUM_API_KEY: 'short' },
    yaml: 'retention_days: 1\nretries: 5\nmax_payload_bytes: 32 MiB\nprofile: other\n',
  });
  const places = [
    '--hots: ',
    '--port: ',
    'ANGARIUM_API_KEY: ',
    'ANGARIUM_HOST: ',
    'ANGARIUM_LOG: ',
    'angarium.yaml:1: retention_days: ',
    'angarium.yaml:2: "retries": ',
    'angarium.yaml:4: profile: ',
    'max_batch_bytes (default): ',
  ];
  expect(said).toHaveLength(places.length);
  for (const place of places) {
    expect(
      said.filter((line) => line.startsWith(place)),
      place,
    ).toHaveLength(1);
  }
});

describe('the defaults that depend on others', () => {
  const trial = ['127.0.0.0/8', '::1/128'];

  it.each([
    [{}, trial],
    [{ ANGARIUM_HOST: 'localhost' }, trial],
    [{ ANGARIUM_HOST: '127.9.9.9' }, trial],
    [{ ANGARIUM_HOST: '::1' }, trial],
    [{ ANGARIUM_HOST: '0:0:0:0:0:0:0:1' }, trial],
    [{ ANGARIUM_HOST: '0.0.0.0' }, []],
    [{ ANGARIUM_HOST: '::' }, []],
    [{ ANGARIUM_HOST: '192.168.0.1' }, []],
    [{ ANGARIUM_HOST: 'localhost.example.com' }, []],
    [{ ANGARIUM_PUBLIC_URL: 'http://127.0.0.1:8080' }, []],
    [{ ANGARIUM_TRUST_PROXY: '10.0.0.0/8' }, []],
    [{ ANGARIUM_ALLOWED_CIDRS: 'none' }, []],
    [{ ANGARIUM_HOST: '0.0.0.0', ANGARIUM_ALLOWED_CIDRS: '10.0.0.0/8' }, ['10.0.0.0/8']],
  ])('%j may deliver to %j', async (env, cidrs) => {
    expect((await good({ env })).config.allowedCidrs).toEqual(cidrs);
  });

  it('ends the trial wherever the public URL is given', async () => {
    const flag = await good({ argv: ['--public-url=https://a.example'] });
    expect(flag.config.allowedCidrs).toEqual([]);
    const yaml = 'public_url: https://a.example';
    const file = await good({ argv: ['--config=angarium.yaml'], yaml });
    expect(file.config.allowedCidrs).toEqual([]);
  });

  it.each([
    [{ ANGARIUM_PORT: '9000' }, 'http://127.0.0.1:9000'],
    [{ ANGARIUM_HOST: '::1' }, 'http://[::1]:8080'],
    [{ ANGARIUM_HOST: 'events.internal', ANGARIUM_PORT: '80' }, 'http://events.internal:80'],
    [{ ANGARIUM_HOST: '::1', ANGARIUM_PUBLIC_URL: 'https://a.example/' }, 'https://a.example'],
  ])('%j is reached at %s', async (env, publicUrl) => {
    expect((await good({ env })).config.publicUrl).toBe(publicUrl);
  });
});

describe('PostgreSQL', () => {
  const url = 'postgres://me:SECRET@db.internal:5433/angarium?sslmode=verify-full';

  it('needs both keys given, and no bound of an SQLite file', async () => {
    const env = { ANGARIUM_DATABASE_URL: url, ANGARIUM_DATABASE_MAX_BYTES: '1 GiB' };
    expect(await problems({ env })).toEqual([
      'ANGARIUM_API_KEY: it has to be given where the database is PostgreSQL',
      'ANGARIUM_ENCRYPTION_KEY: it has to be given where the database is PostgreSQL',
      'ANGARIUM_DATABASE_MAX_BYTES: it bounds an SQLite file: take it out where the database is PostgreSQL',
    ]);
  });

  it('is taken with them, and shown without what is secret', async () => {
    const env = {
      ANGARIUM_DATABASE_URL: url,
      ANGARIUM_DATABASE_DIRECT_URL: url,
      ANGARIUM_API_KEY: 'an-operators-key-for-tests',
      ANGARIUM_ENCRYPTION_KEY: ENCRYPTION_KEY,
    };
    const loaded = await good({ env });
    expect(loaded.config.databaseUrl).toEqual({ engine: 'postgres', url });
    expect(loaded.config.databaseDirectUrl).toBe(url);
    const fewer = await problems({
      env: {
        ANGARIUM_ROLES: 'deliver',
        ANGARIUM_DATABASE_DIRECT_URL: url,
        ANGARIUM_DATABASE_READ_URL: url,
      },
    });
    expect(fewer).toEqual([
      'ANGARIUM_DATABASE_DIRECT_URL: it is another way to a PostgreSQL database: take it out where that is SQLite',
      'ANGARIUM_DATABASE_READ_URL: it is another way to a PostgreSQL database: take it out where that is SQLite',
      'ANGARIUM_ROLES: nodes share a PostgreSQL database: with SQLite one does all',
    ]);
    const shown = describeConfig(loaded);
    expect(shown).toMatch(/^database_url += postgres:\/\/db\.internal:5433\/angarium {2}\(/m);
    expect(shown).not.toContain('SECRET');
  });
});

describe('retention', () => {
  const profiles = [profileTaking('short', DAY_MS), profileTaking('standard', 3.15 * DAY_MS)];

  it('may be as long as the longest retry schedule', async () => {
    const env = { ANGARIUM_RETENTION_DAYS: '4' };
    expect((await good({ env, profiles })).config.retentionDays).toBe(4);
    const exact = [profileTaking('standard', 4 * DAY_MS)];
    expect((await good({ env, profiles: exact })).config.retentionDays).toBe(4);
  });

  it('may not be shorter, said in days', async () => {
    expect(await problems({ env: { ANGARIUM_RETENTION_DAYS: '3' }, profiles })).toEqual([
      'ANGARIUM_RETENTION_DAYS: 3 is shorter than the retry schedule of the profile standard, which takes 3.2 days: write 4 or more',
    ]);
  });

  it('is looked at when it is the default, too', async () => {
    const long = [profileTaking('standard', 9 * DAY_MS + 1)];
    expect(await problems({ profiles: long })).toEqual([
      'retention_days (default): 7 is shorter than the retry schedule of the profile standard, which takes 9.1 days: write 10 or more',
    ]);
  });
});

describe('describeConfig', () => {
  it('shows each option with its value and source, and masks secrets', async () => {
    const loaded = await good({
      argv: ['--config', 'angarium.yaml', '--max-payload-bytes', '2097152'],
      env: { ANGARIUM_PORT: '9000', ANGARIUM_API_KEY: '0123456789abcdef' },
      yaml: `encryption_key: ${ENCRYPTION_KEY}\n`,
    });
    const text = describeConfig(loaded);
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/ +=/, ' ='));
    expect(rows).toHaveLength(OPTION_KEYS.length);
    expect(rows).toEqual(
      expect.arrayContaining([
        'port = 9000  (ANGARIUM_PORT)',
        'host = 127.0.0.1  (default)',
        'api_key = ********  (ANGARIUM_API_KEY)',
        'encryption_key = ********  (angarium.yaml:1: encryption_key)',
        'allowed_cidrs = 127.0.0.0/8,::1/128  (default)',
        'trust_proxy = none  (default)',
        'max_payload_bytes = 2 MiB  (--max-payload-bytes)',
        'database_url = sqlite:./data/angarium.db  (default)',
        'database_max_bytes = none  (default)',
      ]),
    );
    expect(text).not.toContain('0123456789abcdef');
    expect(text).not.toContain(ENCRYPTION_KEY);
  });

  it('shows values that can be given back', async () => {
    const first = await good({ env: { ANGARIUM_DATABASE_MAX_BYTES: '1048577' } });
    const rows = describeConfig(first).trimEnd().split('\n');
    const env = Object.fromEntries(
      rows.flatMap((row) => {
        const [, name = '', value = ''] = /^(\S+) += (.*) {2}\(/.exec(row) ?? [];
        return value.startsWith('generated') ? [] : [[variableName(name), value]];
      }),
    );
    expect((await good({ env })).config).toEqual(first.config);
  });
});
