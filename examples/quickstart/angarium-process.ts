/** `angarium serve` as a process of its own, with all that it keeps in one folder. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface AngariumProcess {
  readonly url: string;
  /** The operator's key, made on the first start and shown that one time. */
  readonly apiKey: string;
  /** Ends it in good order. */
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('../../bin/angarium.js', import.meta.url));
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

/** Starts it on a free port; the folder is empty, so this is its first start. */
export async function startAngarium(folder: string): Promise<AngariumProcess> {
  // A fork has a channel to this process, and ends in good order when that is gone, however this process ended. Detached:
  // Ctrl-C is for this process, which then stops it.
  const child = fork(PROGRAM, ['serve'], {
    cwd: folder,
    silent: true,
    detached: true,
    env: environment(),
  });
  let output = '';
  let complaints = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString('utf8')));

  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const url = /is ready at (\S+)/.exec(output)?.[1];
    const apiKey = /^\s+(ak_\S+)\s*$/m.exec(output)?.[1];
    if (url !== undefined && apiKey !== undefined)
      return { url, apiKey, stop: () => stop(child, complaints) };
    if (hasEnded(child)) throw new Error(`the server did not start: ${complaints || output}`);
    if (performance.now() > deadlineMs) {
      child.kill('SIGKILL');
      throw new Error(`the server was not ready in ${START_TIMEOUT_MS / 1000} s: ${complaints}`);
    }
    await sleep(20);
  }
}

async function stop(child: ChildProcess, complaints: string): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  const lastCall = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(lastCall);
  if (child.exitCode !== 0)
    throw new Error(`the server ended with ${child.signalCode ?? child.exitCode}: ${complaints}`);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** This machine's, without the settings of another Angarium on it. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('ANGARIUM_'));
  return { ...Object.fromEntries(others), ANGARIUM_PORT: '0', ANGARIUM_LOG_LEVEL: 'warn' };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
