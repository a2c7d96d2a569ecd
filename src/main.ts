/**
 * The composition root: the only file that knows every concrete driver. It reads the command line, puts the parts
 * together, and sees to it that they end in good order.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import v8 from 'node:v8';
import { CallError, createApiClient } from './cli/api-client.ts';
import type { ApiClient } from './cli/api-client.ts';
import { EXIT_FAILED, EXIT_USAGE, parseArguments } from './cli/arguments.ts';
import { helpText } from './cli/help.ts';
import { readCaFile } from './cli/ca-file.ts';
import { resolveKeys } from './cli/key-file.ts';
import type { ResolvedKeys } from './cli/key-file.ts';
import { reencryptKeys } from './cli/keys-reencrypt.ts';
import { manageKeys, parseKeysCreate, parseKeysList, parseKeysRevoke } from './cli/keys.ts';
import { readUrl } from './cli/read-url.ts';
import { runOutboxCommand } from './cli/outbox.ts';
import { newKeysMessage, problemsMessage, startMessage } from './cli/serve-messages.ts';
import { startFailure } from './cli/start-failure.ts';
import { exportTopics, parseTopicsExport } from './cli/topics-export.ts';
import { putTopicsOfFile, readTopicsFile } from './cli/topics-file.ts';
import { importTopics, parseTopicsImport } from './cli/topics-import.ts';
import { CommandUsageError } from './cli/usage-error.ts';
import type { Config } from './config-options.ts';
import { checkMailTemplates, openNotifications, openOutboxes } from './optional-parts.ts';
import { describeConfig } from './config-report.ts';
import { loadConfig, readEnvironment } from './config.ts';
import type { LoadedConfig } from './config.ts';
import { createSchemaCompiler } from './catalogue/schema-compiler.ts';
import { createAddressGuard } from './destinations/address-guard.ts';
import { createWebhookType } from './destinations/webhook/type.ts';
import { systemClock } from './domain/clock.ts';
import { systemRandom } from './domain/id.ts';
import type { Profile } from './domain/profile.ts';
import { deriveInstanceKey } from './domain/instance-keys.ts';
import { MailLinks } from './domain/mail-link.ts';
import { createSealedBoxes } from './domain/sealed-box.ts';
import { deriveTokenKey } from './domain/token-key.ts';
import { createAccess } from './engine/access.ts';
import type { SchemaCompiler, TopicEntry } from './domain/topic-catalogue.ts';
import { createEngine } from './engine/engine.ts';
import { checkJmespath } from './expressions/jmespath-syntax.ts';
import { createJmespath } from './expressions/jmespath.ts';
import { closeServer } from './http/close-server.ts';
import { buildServer } from './http/server.ts';
import { TenantTokens } from './http/tenant-token.ts';
import { baack } from './profiles/baack.ts';
import { balkanid } from './profiles/balkanid.ts';
import { basekit } from './profiles/basekit.ts';
import { baxcloud } from './profiles/baxcloud.ts';
import { standard } from './profiles/standard.ts';
import { openSqliteStorage } from './storage/sqlite/storage.ts';
import type { Storage } from './storage/storage.ts';
import { createLog } from './telemetry/log.ts';
import type { Log } from './telemetry/log.ts';
import { outboxFamilies } from './telemetry/outbox-metrics.ts';
import { metricsText, ProcessMetrics } from './telemetry/process-metrics.ts';
import { watchUtilization } from './telemetry/utilization.ts';

/** Of one evaluation, which takes a fraction of a millisecond, as a rule. */
const EXPRESSION_TIMEOUT_MS = 500;

const PROFILES: readonly Profile[] = [standard, baack, basekit, balkanid, baxcloud];

const version = packageVersion();
await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<void> {
  const command = parseArguments(argv);
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText(command.topic));
      return;
    case 'version':
      process.stdout.write(`${version}\n`);
      return;
    case 'usage_error':
      end(`${command.message}\n`, command.exitCode);
      return;
    case 'config_check': {
      const loaded = await load(command.flags);
      if (loaded.ok) process.stdout.write(describeConfig(loaded));
      else end(problemsMessage(loaded.problems), EXIT_USAGE);
      return;
    }
    case 'verify':
      await verify(command.flags);
      return;
    case 'keys_create':
      await callApi((client) => manageKeys(parseKeysCreate(command.args), client));
      return;
    case 'keys_list':
      await callApi((client) => manageKeys(parseKeysList(command.args), client));
      return;
    case 'keys_revoke':
      await callApi((client) => manageKeys(parseKeysRevoke(command.args), client));
      return;
    case 'topics_import':
      await callApi((client) => importTopics(parseTopicsImport(command.args), client));
      return;
    case 'topics_export':
      await callApi((client) => exportTopics(parseTopicsExport(command.args), client));
      return;
    case 'outbox_install':
    case 'outbox_uninstall':
      await answer(() => runOutboxCommand(command.kind, command.args, readEnvironment()));
      return;
    case 'keys_reencrypt':
      await callApi(async (client) => {
        const say = (line: string) => process.stdout.write(`${line}\n`);
        process.exitCode = await reencryptKeys(command.args, client, say);
        return '';
      });
      return;
    case 'migrate_data':
      await migrateData(command.args).catch(explain);
      return;
    case 'migrate_citus':
      await migrateCitus(command.args).catch(explain);
      return;
    case 'serve': {
      const loaded = await load(command.flags);
      if (!loaded.ok) end(problemsMessage(loaded.problems), EXIT_USAGE);
      else await serve(loaded).catch(explain);
    }
  }
}

async function verify(flags: readonly string[]): Promise<void> {
  // Loaded here alone: it needs the SDK, and a server does not.
  const { runVerify } = await import('./cli/verify.ts');
  const { exitCode, stdout, stderr } = await runVerify(flags, {
    readFile,
    readUrl,
    readStandardInput: () => buffer(process.stdin),
    nowMs: systemClock.nowMs(),
  });
  process.stdout.write(stdout);
  end(stderr, exitCode);
}

/** Loaded here alone, with the engines that it copies between. */
async function migrateData(args: readonly string[]): Promise<void> {
  const [{ runMigrateData }, { openCopySource }, { openCopyTarget }] = await Promise.all([
    import('./cli/migrate-data.ts'),
    import('./storage/sqlite/copy-source.ts'),
    import('./storage/postgres/copy-target.ts'),
  ]);
  process.exitCode = await runMigrateData(args, {
    env: readEnvironment(),
    openCopySource,
    openCopyTarget,
    stdout: process.stdout,
    stderr: process.stderr,
    nowMs: () => systemClock.monotonicMs(),
  });
}

/** Loaded here alone. */
async function migrateCitus(args: readonly string[]): Promise<void> {
  const [{ runMigrateCitus }, { distribute }] = await Promise.all([
    import('./cli/migrate-citus.ts'),
    import('./storage/postgres/distribute.ts'),
  ]);
  const { stdout, stderr } = process;
  const env = readEnvironment();
  process.exitCode = await runMigrateCitus(args, { env, distribute, stdout, stderr });
}

/** A command that is done by a running server; it gives what to say. */
function callApi(command: (client: ApiClient) => Promise<string>): Promise<void> {
  return answer(() => command(createApiClient(readEnvironment())));
}

async function answer(command: () => Promise<string>): Promise<void> {
  try {
    process.stdout.write(await command());
  } catch (error) {
    if (error instanceof CommandUsageError) end(`angarium: ${error.message}\n`, EXIT_USAGE);
    else if (error instanceof CallError) end(`angarium: ${error.message}\n`, EXIT_FAILED);
    else throw error;
  }
}

function load(flags: readonly string[]): Promise<LoadedConfig> {
  return loadConfig({
    env: readEnvironment(),
    argv: flags,
    readFile: (path) => readFile(path, 'utf8'),
    profiles: PROFILES,
    checkExpression: checkJmespath,
  });
}

async function serve(loaded: LoadedConfig & { ok: true }): Promise<void> {
  const { config } = loaded;
  // First: where a file is wrong, nothing is made.
  const schemas = createSchemaCompiler();
  const topics = await readTopicsFile(config.topicsFile, schemas);
  await checkMailTemplates(config.mailTemplates);
  const keys = resolveKeys({
    apiKey: config.apiKey,
    encryptionKeys: config.encryptionKey,
    databasePath: config.databaseUrl.engine === 'sqlite' ? config.databaseUrl.path : null,
    random: systemRandom,
  });
  try {
    await run(loaded, { keys, schemas, topics });
  } catch (error) {
    // The next start will not show them.
    process.stdout.write(newKeysMessage(keys));
    throw error;
  }
}

async function run(
  { config, sources, defined, outboxes: relayed }: LoadedConfig & { ok: true },
  {
    keys,
    schemas,
    topics,
  }: { keys: ResolvedKeys; schemas: SchemaCompiler; topics: readonly TopicEntry[] },
): Promise<void> {
  if (config.caFile !== null) {
    // For every TLS connection that names no authorities of its own.
    setDefaultCACertificates([...getCACertificates('default'), ...readCaFile(config.caFile)]);
  }
  const log = createLog(config.logLevel);
  const storage = await openStorage(config, log);
  const instanceKeys = keys.encryptionKeys.map(deriveInstanceKey);
  const [instanceKey] = instanceKeys;
  if (instanceKey === undefined) throw new TypeError('at least one encryption key is needed');
  const webhook = createWebhookType({
    guard: createAddressGuard({ allowedCidrs: [...config.allowedCidrs] }),
    clock: systemClock,
    random: systemRandom,
    userAgent: `Angarium/${version}`,
    origin: new URL(config.publicUrl).hostname,
    instanceKey,
  });
  const expressions = createJmespath({
    clock: systemClock,
    timeoutMs: EXPRESSION_TIMEOUT_MS,
    maxBytes: config.maxPayloadBytes,
  });
  const metrics = new ProcessMetrics();
  const all = [...PROFILES, ...defined.map(({ profile }) => profile)];
  const profiles = new Map(all.map((profile) => [profile.name, profile]));
  const utilization = watchUtilization();
  const engine = createEngine({
    storage,
    targets: {
      types: new Map([[webhook.type, webhook]]),
      profiles,
      defaultProfile: profiles.get(config.profile) ?? standard,
      boxes: createSealedBoxes(keys.encryptionKeys, systemRandom),
    },
    clock: systemClock,
    random: systemRandom,
    expressions,
    log,
    retentionDays: config.retentionDays,
    utilization,
    schemas,
    unknownTopics: config.unknownTopics,
    measures: metrics,
    limits: {
      maxPerTenant: config.maxConcurrencyPerTenant,
      maxPerOrigin: config.maxConcurrencyPerOrigin,
    },
  });
  const access = createAccess({
    storage,
    clock: systemClock,
    random: systemRandom,
    log,
    auditRetentionDays: config.auditRetentionDays,
    changes: engine.changes,
  });
  const mailLinks = new MailLinks(keys.encryptionKeys);
  const notifications = await openNotifications(config, engine, mailLinks, log);
  const outboxes = await openOutboxes(config, relayed, engine, log);
  const tokenKeys = keys.encryptionKeys.map(deriveTokenKey);
  const server = await buildServer({
    engine,
    access,
    apiKey: keys.apiKey,
    tokens: new TenantTokens(tokenKeys, systemClock, config.tokenLifetimeS),
    mailLinks,
    version,
    publicUrl: config.publicUrl,
    publicKeys: instanceKeys.map(({ publicJwk }) => publicJwk),
    trustProxy: config.trustProxy,
    limits: config,
    answersApi: config.roles.includes('api'),
    metrics: metricsText(metrics, engine, () => outboxFamilies(outboxes?.measures() ?? [])),
    ...(outboxes === null ? {} : { outboxes }),
    log,
  });

  try {
    await access.load();
    await engine.load();
    await putTopicsOfFile(engine, topics);
    await server.listen({ host: config.host, port: config.port });
  } catch (error) {
    await storage.close();
    throw error;
  }
  await engine.start();
  access.start();
  notifications?.start();
  outboxes?.start();

  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const url = `http://${hostInUrl(config)}:${port}`;
  const onTrial = sources.allowedCidrs.from === 'default' && config.allowedCidrs.length > 0;

  let isStopping = false;
  const stop = async (signal: string): Promise<void> => {
    // npm and the terminal both send it: once is enough.
    if (isStopping) return;
    isStopping = true;
    const graceMs = config.shutdownGraceS * 1000;
    log.stopping(signal, config.shutdownGraceS);
    // Callers and receivers have one grace between them.
    const endMs = systemClock.monotonicMs() + graceMs;
    void engine.dispatcher.stop();
    const relaysEnd = outboxes?.stop();
    await closeServer(server, graceMs);
    await engine.stop(Math.max(0, endMs - systemClock.monotonicMs()));
    // What cannot be taken out of an outbox in time is a duplicate after the next start.
    await Promise.race([relaysEnd, pause(Math.max(0, endMs - systemClock.monotonicMs()))]);
    await access.stop();
    await notifications?.stop();
    await webhook.close();
    await expressions.close();
    await storage.close();
    log.stopped();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => void stop(signal));

  // The start is over (bin/angarium.js): from now on the young generation grows with the load.
  v8.setFlagsFromString('--semi-space-growth-factor=2');
  // Who reads that it is ready may stop it at once.
  process.stdout.write(
    startMessage({ version, url, config, onTrial, keys, startedInMs: performance.now() }),
  );
}

async function openStorage(config: Config, log: Log): Promise<Storage> {
  const { databaseUrl, databaseMaxBytes, roles } = config;
  switch (databaseUrl.engine) {
    case 'sqlite':
      return openSqliteStorage({ path: databaseUrl.path, maxBytes: databaseMaxBytes });
    case 'postgres': {
      // Loaded here alone: who has SQLite does not pay for it.
      const { openPostgresStorage } = await import('./storage/postgres/storage.ts');
      return openPostgresStorage({
        url: databaseUrl.url,
        directUrl: config.databaseDirectUrl,
        readUrl: config.databaseReadUrl,
        onReplica: (problem) => (problem === null ? log.replicaUsed() : log.replicaLeft(problem)),
        delivers: roles.includes('deliver'),
        maintains: roles.includes('maintain'),
      });
    }
  }
}

function explain(error: unknown): void {
  const failure = startFailure(error);
  if (failure === null) throw error;
  end(`angarium: ${failure.message}\n`, failure.exitCode);
}

/** Lets what was written go out, then ends. */
function end(message: string, exitCode: number): void {
  process.stderr.write(message);
  process.exitCode = exitCode;
}

function hostInUrl({ host }: Config): string {
  return host.includes(':') ? `[${host}]` : host;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  // Our own file.
  return (JSON.parse(text) as { version: string }).version;
}
