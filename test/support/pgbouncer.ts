/** PgBouncer in transaction mode before a PostgreSQL server, where it is installed (apt install pgbouncer). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { untilTrue } from './e2e-until.ts';
import { freePort } from './free-port.ts';

const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** `undefined`: it is not installed. */
export function findPgbouncer(): string | undefined {
  return FOLDERS.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path));
}

export interface Pgbouncer {
  /** The URL that leads through it: to the server's database, or to a schema that was named at the start. */
  url(schema?: string): string;
  stop(): Promise<void>;
}

export interface PgbouncerOptions {
  readonly program: string;
  /** With the database `postgres`; all go on to it as the URL's user. */
  readonly serverUrl: string;
  /** Runs it where the tests run as root. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Each is a database of its own to those who come through it. */
  readonly schemas?: readonly string[];
}

export async function startPgbouncer({
  program,
  serverUrl,
  owner,
  schemas = [],
}: PgbouncerOptions): Promise<Pgbouncer> {
  const server = new URL(serverUrl);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'angarium-pgbouncer-'));
  chmodSync(folder, 0o755);
  const config = join(folder, 'pgbouncer.ini');
  const to = `host=${server.hostname} port=${server.port} dbname=postgres user=${server.username} password=${server.password}`;
  const ofSchemas = schemas.map(
    (name) => `${name} = ${to} connect_query='SET search_path = ${name}'`,
  );
  writeFileSync(
    config,
    `[databases]
postgres = ${to}
${ofSchemas.join('\n')}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_idle_timeout = 2
server_reset_query =
`,
  );
  const child = spawn(program, [config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(process.getuid?.() === 0 ? owner : {}),
  });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await untilTrue('PgBouncer', () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${said}`);
    return said.includes('process up');
  });
  return {
    url: (schema = 'postgres') => `postgres://${server.username}@127.0.0.1:${port}/${schema}`,
    stop,
  };
}
