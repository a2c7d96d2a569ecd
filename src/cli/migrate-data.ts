/** `angarium migrate data --from sqlite:PATH --to postgres://...`: moves an installation to another engine. */
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDatabaseUrl } from '../config-values.ts';
import { copyAll } from '../storage/copy.ts';
import { COPY_TABLE_NAMES } from '../storage/copy-tables.ts';
import { CopyRefusedError } from '../storage/copying.ts';
import type { CopySource, CopyState, CopyTarget } from '../storage/copying.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import { EXIT_FAILED, EXIT_USAGE } from './arguments.ts';
import { CopyProgress, grouped } from './migrate-progress.ts';
import type { ProgressStream } from './migrate-progress.ts';
import { CommandUsageError, usageErrors } from './usage-error.ts';

export interface MigrateDataParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly openCopySource: (path: string) => CopySource;
  readonly openCopyTarget: (options: {
    readonly url: string;
    readonly isDryRun: boolean;
  }) => Promise<CopyTarget>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
  readonly nowMs: () => number;
}

interface MigrateData {
  readonly path: string;
  readonly url: string;
  readonly isDryRun: boolean;
}

/** Gives the exit code. Throws `StorageOpenError` where one of the databases cannot be opened. */
export async function runMigrateData(
  argv: readonly string[],
  parts: MigrateDataParts,
): Promise<number> {
  const { openCopySource, openCopyTarget, stderr } = parts;
  try {
    const asked = parseMigrateData(argv, parts.env);
    const source = openCopySource(asked.path);
    try {
      const target = await openCopyTarget(asked);
      try {
        await (asked.isDryRun ? preview : copy)(asked, source, target, parts);
        return 0;
      } finally {
        await target.close();
      }
    } finally {
      source.close();
    }
  } catch (error) {
    if (error instanceof CommandUsageError) {
      stderr.write(`angarium: ${error.message}\n`);
      return EXIT_USAGE;
    }
    if (error instanceof CopyRefusedError) stderr.write(`angarium: ${error.message}\n`);
    else if (error instanceof StorageUnavailableError)
      stderr.write(
        `angarium: the database has gone: ${error.message}. Run the same again: it goes on where it was.\n`,
      );
    else throw error;
    return EXIT_FAILED;
  }
}

function parseMigrateData(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): MigrateData {
  const { values } = usageErrors(() =>
    parseArgs({
      args: [...argv],
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
      },
    }),
  );
  const from = locationOf('--from', values.from);
  if (from.engine !== 'sqlite')
    throw new CommandUsageError('--from: write sqlite:PATH: data are copied from SQLite alone');
  const [name, text] =
    values.to === undefined
      ? (['ANGARIUM_DATABASE_URL', env['ANGARIUM_DATABASE_URL']] as const)
      : (['--to', values.to] as const);
  if (text === undefined)
    throw new CommandUsageError('--to: write postgres://..., or set ANGARIUM_DATABASE_URL to it');
  const to = locationOf(name, text);
  if (to.engine !== 'postgres')
    throw new CommandUsageError(
      `${name}: write postgres://...: data are copied to PostgreSQL alone`,
    );
  return { path: from.path, url: to.url, isDryRun: values['dry-run'] };
}

function locationOf(name: string, text: string | undefined) {
  if (text === undefined)
    throw new CommandUsageError(`${name}: write sqlite:PATH, such as sqlite:./data/angarium.db`);
  const parsed = parseDatabaseUrl(text);
  if (!parsed.ok) throw new CommandUsageError(`${name}: ${parsed.errors.join('; ')}`);
  return parsed.value;
}

async function preview(
  { path }: MigrateData,
  source: CopySource,
  target: CopyTarget,
  { stdout }: MigrateDataParts,
): Promise<void> {
  const state = await target.look(source.identity);
  const lines = COPY_TABLE_NAMES.map((table) => ({ table, rows: source.count(table) }))
    .filter(({ rows }) => rows > 0)
    .map(({ table, rows }) => `  ${table.padEnd(20)}${grouped(rows).padStart(15)} rows`);
  stdout.write(`${path} holds\n${lines.join('\n')}\n${verdictOn(state)}\n`);
}

function verdictOn(state: CopyState): string {
  switch (state.kind) {
    case 'empty':
      return 'The target is empty. Nothing was changed: run the same without --dry-run to copy.';
    case 'begun': {
      const rows = [...state.tables.values()].reduce((sum, table) => sum + table.rows, 0);
      return `The target has ${grouped(rows)} rows of it. Nothing was changed: run the same without --dry-run to go on.`;
    }
    case 'done':
      return 'The target has all of it, copied and verified before.';
  }
}

async function copy(
  { path }: MigrateData,
  source: CopySource,
  target: CopyTarget,
  { stdout, stderr, nowMs }: MigrateDataParts,
): Promise<void> {
  const progress = new CopyProgress(stderr, nowMs);
  const isNew = await copyAll(source, target, (step) => progress.show(step));
  progress.end();
  stdout.write(
    isNew
      ? `Copied and verified: ${grouped(progress.verifiedRows)} rows in ${COPY_TABLE_NAMES.length} tables.\n`
      : 'All of it was copied and verified before: nothing was changed.\n',
  );
  stdout.write(whatNext(path));
}

function whatNext(path: string): string {
  const folder = dirname(path);
  return `
What to do now:

  1. Start a server with ANGARIUM_DATABASE_URL=postgres://..., and with the keys of the old one:
     ANGARIUM_ENCRYPTION_KEY, or else the text of ${join(folder, 'angarium.encryption-key')}
     ANGARIUM_API_KEY, or else the text of ${join(folder, 'angarium.api-key')}
  2. Start no server on ${path} any more: it would deliver again what is pending there.
`;
}
