/**
 * Real processes: `node bin/angarium.js ...` as a child of the test, with nothing of the test's own configuration. What
 * it wrote is shown when the test fails, and it does not survive the test.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFailed, onTestFinished } from 'vitest';

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../bin/angarium.js', import.meta.url));

if (Number.parseInt(process.versions.node, 10) < 24)
  throw new Error('run the tests with npm test: with this Node, a signal would hit a wrapper');

/** Those that run; where a test process ends in the middle of a test, they end too. */
const killers = new Set<() => void>();
process.once('exit', () => {
  for (const kill of killers) kill();
});

export interface ProcessOptions {
  readonly cwd: string;
  /** Beside `PATH` and `HOME`. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child, what it has written so far, and its end. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<Exit>;
}

export interface Ended extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * `angarium <args>`, with the Node of the tests. It has a channel to the test, and ends (as bin/angarium.js says) when
 * the test's own process dies.
 */
export function startAngarium(args: readonly string[], options: ProcessOptions): Running {
  return startProcess([process.execPath, PROGRAM, ...args], { ...options, channel: true });
}

/** The same for a command that ends by itself. */
export async function runAngarium(
  args: readonly string[],
  options: ProcessOptions,
): Promise<Ended> {
  return ended(startAngarium(args, options));
}

async function ended({ exited, stdout, stderr }: Running): Promise<Ended> {
  const exit = await exited;
  return { ...exit, stdout: stdout(), stderr: stderr() };
}

/**
 * In a process group of its own, which is killed as a whole at the end of the test: the group of a command that starts
 * others.
 */
export function startProcess(
  [command = '', ...args]: readonly string[],
  { cwd, env = {}, channel = false }: ProcessOptions & { channel?: boolean },
): Running {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, {
    cwd,
    env: { PATH, HOME, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(channel ? (['ipc'] as const) : [])],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // `close` comes when both streams have ended too: nothing of the output is missing then.
  const exited = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }));
  const killGroup = () => signalGroup(child, 'SIGKILL');
  killers.add(killGroup);
  onTestFailed(() => {
    console.error(`--- ${command} ${args.join(' ')}\n${stdout}\n--- its standard error\n${stderr}`);
  });
  onTestFinished(async () => {
    killers.delete(killGroup);
    killGroup();
    await exited;
  });
  return { child, stdout: () => stdout, stderr: () => stderr, exited };
}

/** To the child and all that it has started. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody of it is left.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
