/** Where the program begins: it reads the command line and does what that asks. A server is put together in serve.ts. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { CallError, createApiClient } from './cli/api-client.ts';
import type { ApiClient } from './cli/api-client.ts';
import { EXIT_FAILED, EXIT_USAGE, parseArguments } from './cli/arguments.ts';
import { helpText } from './cli/help.ts';
import { reencryptKeys } from './cli/keys-reencrypt.ts';
import { manageKeys, parseKeysCreate, parseKeysList, parseKeysRevoke } from './cli/keys.ts';
import { runOutboxCommand } from './cli/outbox.ts';
import { readUrl } from './cli/read-url.ts';
import { problemsMessage } from './cli/serve-messages.ts';
import { startFailure } from './cli/start-failure.ts';
import { exportTopics, parseTopicsExport } from './cli/topics-export.ts';
import { importTopics, parseTopicsImport } from './cli/topics-import.ts';
import { CommandUsageError } from './cli/usage-error.ts';
import { describeConfig } from './config-report.ts';
import { loadConfig, readEnvironment } from './config.ts';
import type { LoadedConfig } from './config.ts';
import { systemClock } from './domain/clock.ts';
import type { Profile } from './domain/profile.ts';
import { checkJmespath } from './expressions/jmespath-syntax.ts';
import { baack } from './profiles/baack.ts';
import { balkanid } from './profiles/balkanid.ts';
import { basekit } from './profiles/basekit.ts';
import { baxcloud } from './profiles/baxcloud.ts';
import { standard } from './profiles/standard.ts';
import { serve } from './serve.ts';

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
      else await serve(loaded, { version, profiles: PROFILES }).catch(explain);
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

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  // Our own file.
  return (JSON.parse(text) as { version: string }).version;
}
