/** Servers that others have written, each an instance of its own on a free port, from files in a temporary folder. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, onTestFinished } from 'vitest';

import { freePort } from './free-port.ts';

/** /usr/sbin is not on everybody's PATH. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];

export interface RealServer {
  readonly port: number;
  /** What it wrote to its standard output and error. */
  readonly output: () => string;
}

export interface RealServerOptions {
  readonly command: string;
  /** Files of its folder by name, given the port and the folder. */
  readonly files: (port: number, folder: string) => Readonly<Record<string, string>>;
  readonly args: (folder: string, port: number) => readonly string[];
}

/**
 * `describe`, or on a machine that lacks what it needs a line that says so. In CI everything is there. `program` is a
 * name, or the path of a file that must be there.
 */
export function describeWith(program: string, name: string, tests: () => void): void {
  const paths = program.startsWith('/') ? [program] : FOLDERS.map((each) => join(each, program));
  const missing = !paths.some((path) => existsSync(path));
  if (!missing || process.env['CI'] !== undefined) describe(name, tests);
  else describe.skip(`${name} (not run: ${program} is not installed)`, tests);
}

/** It accepts connections when this resolves, and is gone when the test is over. */
export async function startRealServer(options: RealServerOptions): Promise<RealServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'angarium-real-'));
  // Apache, started as root, reads it as another user.
  chmodSync(folder, 0o755);
  for (const [name, text] of Object.entries(options.files(port, folder)))
    writeFileSync(join(folder, name), text);
  const child = spawn(options.command, options.args(folder, port), {
    env: { ...process.env, PATH: FOLDERS.join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${options.command} ended: ${output}`);
  }
  return { port, output: () => output };
}

/** What a server says of a file with which it would not start; `null` where it would. */
export function refusalOf(
  command: string,
  args: (file: string) => readonly string[],
  text: string,
): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'angarium-real-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'file');
  writeFileSync(file, text);
  const env = { ...process.env, PATH: FOLDERS.join(delimiter) };
  const { status, stderr } = spawnSync(command, args(file), { encoding: 'utf8', env });
  return status === 0 ? null : stderr;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => setTimeout(() => resolve(false), 20));
  });
}
