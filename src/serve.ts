/**
 * A server: the parts that it is made of are put together here, started, and ended in good order. With main.ts the only
 * file that knows concrete drivers.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import v8 from 'node:v8';
import { createSchemaCompiler } from './catalogue/schema-compiler.ts';
import { readCaFile } from './cli/ca-file.ts';
import { resolveKeys } from './cli/key-file.ts';
import type { ResolvedKeys } from './cli/key-file.ts';
import { newKeysMessage, startMessage } from './cli/serve-messages.ts';
import { putTopicsOfFile, readTopicsFile } from './cli/topics-file.ts';
import type { Config } from './config-options.ts';
import type { LoadedConfig } from './config.ts';
import { createAddressGuard } from './destinations/address-guard.ts';
import { createWebhookType } from './destinations/webhook/type.ts';
import { systemClock } from './domain/clock.ts';
import { systemRandom } from './domain/id.ts';
import { deriveInstanceKey } from './domain/instance-keys.ts';
import { MailLinks } from './domain/mail-link.ts';
import type { Profile } from './domain/profile.ts';
import { createSealedBoxes } from './domain/sealed-box.ts';
import { deriveTokenKey } from './domain/token-key.ts';
import type { SchemaCompiler, TopicEntry } from './domain/topic-catalogue.ts';
import { createAccess } from './engine/access.ts';
import { createEngine } from './engine/engine.ts';
import { createJmespath } from './expressions/jmespath.ts';
import { closeServer } from './http/close-server.ts';
import { buildServer } from './http/server.ts';
import { TenantTokens } from './http/tenant-token.ts';
import { checkMailTemplates, openNotifications, openOutboxes } from './optional-parts.ts';
import { openSqliteStorage } from './storage/sqlite/storage.ts';
import type { Storage } from './storage/storage.ts';
import { createLog } from './telemetry/log.ts';
import type { Log } from './telemetry/log.ts';
import { outboxFamilies } from './telemetry/outbox-metrics.ts';
import { metricsText, ProcessMetrics } from './telemetry/process-metrics.ts';
import { watchUtilization } from './telemetry/utilization.ts';

/** Of one evaluation, which takes a fraction of a millisecond, as a rule. */
const EXPRESSION_TIMEOUT_MS = 500;

export interface ServeOptions {
  readonly version: string;
  /** Those built in. */
  readonly profiles: readonly Profile[];
}

/** What is known before anything is opened. */
interface Prepared extends ServeOptions {
  readonly loaded: LoadedConfig & { ok: true };
  readonly keys: ResolvedKeys;
  readonly schemas: SchemaCompiler;
  readonly topics: readonly TopicEntry[];
}

type Parts = Awaited<ReturnType<typeof open>>;

/**
 * Resolves when the server is ready; a signal ends it, and the process with it. Rejects with what keeps it from starting
 * (`startFailure` knows what to say of it).
 */
export async function serve(
  loaded: LoadedConfig & { ok: true },
  options: ServeOptions,
): Promise<void> {
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
    await run({ ...options, loaded, keys, schemas, topics });
  } catch (error) {
    // The next start will not show them.
    process.stdout.write(newKeysMessage(keys));
    throw error;
  }
}

async function run(prepared: Prepared): Promise<void> {
  const parts = await open(prepared);
  const port = await start(parts, prepared);
  endOnSignals(parts, prepared.loaded.config);
  // The start is over (bin/angarium.js): from now on the young generation grows with the load.
  v8.setFlagsFromString('--semi-space-growth-factor=2');
  // And the old one to three times of what it keeps, as V8 itself lets it after a while: until then it would be collected
  // every second or two, and 60 ms of two cores go to that each time (docs/decisions/048).
  v8.setFlagsFromString('--heap-growing-percent=200');
  // Who reads that it is ready may stop it at once.
  process.stdout.write(readyMessage(prepared, port));
}

/** Puts the parts together; nothing runs yet. */
async function open({ loaded, keys, schemas, profiles: builtIn, version }: Prepared) {
  const { config, defined, outboxes: relayed } = loaded;
  if (config.caFile !== null) {
    // For every TLS connection that names no authorities of its own.
    setDefaultCACertificates([...getCACertificates('default'), ...readCaFile(config.caFile)]);
  }
  const log = createLog(config.logLevel);
  const storage = await openStorage(loaded, log);
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
  const all = [...builtIn, ...defined.map(({ profile }) => profile)];
  const profiles = new Map(all.map((profile) => [profile.name, profile]));
  const defaultProfile = profiles.get(config.profile);
  if (defaultProfile === undefined) throw new TypeError(`there is no profile ${config.profile}`);
  const utilization = watchUtilization();
  const engine = createEngine({
    storage,
    targets: {
      types: new Map([[webhook.type, webhook]]),
      profiles,
      defaultProfile,
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
  return { log, storage, webhook, expressions, engine, access, notifications, outboxes, server };
}

/** Gives the port that it listens on. */
async function start(parts: Parts, { loaded: { config }, topics }: Prepared): Promise<number> {
  const { storage, engine, access, notifications, outboxes, server } = parts;
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
  return typeof address === 'object' && address !== null ? address.port : config.port;
}

function endOnSignals(parts: Parts, config: Config): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // npm and the terminal both send it: once is enough.
      if (isStopping) return;
      isStopping = true;
      parts.log.stopping(signal, config.shutdownGraceS);
      void stop(parts, config.shutdownGraceS * 1000);
    });
  }
}

/** Callers and receivers have one grace between them. */
async function stop(parts: Parts, graceMs: number): Promise<void> {
  const { log, storage, webhook, expressions, engine, access, notifications, outboxes } = parts;
  const endMs = systemClock.monotonicMs() + graceMs;
  const leftMs = () => Math.max(0, endMs - systemClock.monotonicMs());
  void engine.dispatcher.stop();
  const relaysEnd = outboxes?.stop();
  await closeServer(parts.server, graceMs);
  await engine.stop(leftMs());
  // What cannot be taken out of an outbox in time is a duplicate after the next start.
  await Promise.race([relaysEnd, pause(leftMs())]);
  await access.stop();
  await notifications?.stop();
  await webhook.close();
  await expressions.close();
  await storage.close();
  log.stopped();
  process.exit(0);
}

async function openStorage(
  { config, outboxes }: LoadedConfig & { ok: true },
  log: Log,
): Promise<Storage> {
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
        publishes: roles.includes('api') || outboxes.length > 0,
        maintains: roles.includes('maintain'),
      });
    }
  }
}

function readyMessage({ loaded, keys, version }: Prepared, port: number): string {
  const { config, sources } = loaded;
  const { host } = config;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const onTrial = sources.allowedCidrs.from === 'default' && config.allowedCidrs.length > 0;
  return startMessage({ version, url, config, onTrial, keys, startedInMs: performance.now() });
}
