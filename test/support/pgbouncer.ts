/** PgBouncer in transaction mode before a PostgreSQL server, where it is installed (apt install pgbouncer). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { untilTrue } from './e2e-until.ts';
import { freePort } from './free-port.ts';

const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** `undefined`: it is not installed. */
export function findPgbouncer(): string | undefined {
  return FOLDERS.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path));
}

/** Gives the URL that leads through it; it ends with the test. `owner`: runs it where the tests run as root. */
export async function startPgbouncer(
  program: string,
  serverUrl: string,
  owner: { uid: number; gid: number },
): Promise<string> {
  const server = new URL(serverUrl);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'angarium-pgbouncer-'));
  chmodSync(folder, 0o755);
  const config = join(folder, 'pgbouncer.ini');
  writeFileSync(
    config,
    `[databases]
postgres = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
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
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await untilTrue('PgBouncer', () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${said}`);
    return said.includes('process up');
  });
  return `postgres://${server.username}@127.0.0.1:${port}/postgres`;
}
