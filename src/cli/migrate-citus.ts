/** `angarium migrate citus`: the tables of a PostgreSQL installation over the workers of a Citus cluster. */
import { parseArgs } from 'node:util';
import { parseDatabaseUrl } from '../config-values.ts';
import { EXIT_USAGE } from './arguments.ts';
import { CommandUsageError, usageErrors } from './usage-error.ts';

export interface MigrateCitusParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gives the statements that were run; `null`: nothing is, and it gives all. */
  readonly distribute: (url: string | null) => Promise<readonly string[]>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Gives the exit code. Throws `StorageOpenError` where the database cannot be opened, or refuses. */
export async function runMigrateCitus(
  argv: readonly string[],
  { env, distribute, stdout, stderr }: MigrateCitusParts,
): Promise<number> {
  try {
    const url = parseMigrateCitus(argv, env);
    const done = await distribute(url);
    if (url === null) {
      stdout.write(asText(done));
      return 0;
    }
    stdout.write(
      done.length === 0
        ? 'All tables lie as they should: nothing was changed.\n'
        : `${asText(done)}Done: ${done.length} tables. Start the servers; run the same again after each update of them.\n`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof CommandUsageError)) throw error;
    stderr.write(`angarium: ${error.message}\n`);
    return EXIT_USAGE;
  }
}

/** `null`: the statements are asked for. */
function parseMigrateCitus(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  const { values } = usageErrors(() =>
    parseArgs({
      args: [...argv],
      options: { to: { type: 'string' }, print: { type: 'boolean', default: false } },
    }),
  );
  if (values.print) return null;
  const [name, text] =
    values.to === undefined
      ? (['ANGARIUM_DATABASE_URL', env['ANGARIUM_DATABASE_URL']] as const)
      : (['--to', values.to] as const);
  if (text === undefined)
    throw new CommandUsageError('--to: write postgres://..., or set ANGARIUM_DATABASE_URL to it');
  const parsed = parseDatabaseUrl(text);
  if (!parsed.ok) throw new CommandUsageError(`${name}: ${parsed.errors.join('; ')}`);
  if (parsed.value.engine !== 'postgres')
    throw new CommandUsageError(`${name}: write postgres://...: SQLite is not distributed`);
  return parsed.value.url;
}

function asText(statements: readonly string[]): string {
  return statements.map((sql) => `${sql};\n`).join('');
}
