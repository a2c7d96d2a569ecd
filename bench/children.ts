/**
 * The processes of a bench: each part that makes or takes load runs in one of its own, so that it shares nothing with
 * the server but the machine. Whatever is started here ends with this process, and nothing else is ever ended.
 *
 * Parts are forks of this folder's files: options go in as JSON, messages come out over the channel.
 */
import { fork, spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => process.exit(code));

/** Starts a program that ends with this process at the latest. */
export function startProgram(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  return track(spawn(command, args, options));
}

export interface Kept {
  readonly pid: number;
  end(): Promise<void>;
}

/** Reads until its input ends, which it does with the process at the other side in whatever way that ends. */
const KEEPER = '"$@" & echo $!; read -r _; kill $!; wait';

/** Starts a program that knows nothing of this process, and that ends with it even after a SIGKILL. */
export async function startKept(command: string, args: readonly string[]): Promise<Kept> {
  const keeper = spawn('sh', ['-c', KEEPER, 'sh', command, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const [line] = (await Promise.race([once(keeper.stdout, 'data'), failure(keeper)])) as [Buffer];
  return {
    pid: Number(line.toString()),
    end: async () => {
      keeper.stdin.end();
      if (keeper.exitCode === null) await once(keeper, 'exit');
    },
  };
}

/** Ends a child and waits until it has ended. Resolves with its exit code, `null` after a signal that it did not handle. */
export async function endChild(
  child: ChildProcess,
  signal: NodeJS.Signals,
  timeoutMs = 30_000,
): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
  clearTimeout(timer);
  return child.exitCode;
}

/** Runs a program to its end; its standard output. Rejects where it fails. */
export async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = startProgram(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  await Promise.race([once(child, 'close'), failure(child)]);
  if (child.exitCode !== 0) throw new Error(`${command} failed: ${complaint || output}`);
  return output;
}

/** A running file of this folder. */
export class Part {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #messages: unknown[] = [];
  #wanted: { resolve: (message: unknown) => void; reject: (error: Error) => void } | null = null;

  constructor(name: string, options: object) {
    this.#name = name;
    this.#child = track(
      fork(fileURLToPath(new URL(name, import.meta.url)), [JSON.stringify(options)], {
        execArgv: [],
      }),
    );
    this.#child.on('message', (message) => {
      if (this.#wanted === null) this.#messages.push(message);
      else this.#wanted.resolve(message);
      this.#wanted = null;
    });
    this.#child.once('exit', (code, signal) => {
      this.#wanted?.reject(new Error(`${this.#name} ended early (${code ?? signal})`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The part's next message; the caller knows its shape. Rejects where the part ends first. */
  async next<Message>(): Promise<Message> {
    if (this.#messages.length > 0) return this.#messages.shift() as Message;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`${this.#name} has ended`);
    const message = await new Promise<unknown>((resolve, reject) => {
      this.#wanted = { resolve, reject };
    });
    return message as Message;
  }

  /** Sends something and waits for what comes back. */
  async ask<Message>(question: object): Promise<Message> {
    this.#child.send(question);
    return await this.next();
  }

  async end(): Promise<void> {
    await endChild(this.#child, 'SIGKILL');
  }
}

/** Runs a file of this folder that sends one message and ends. */
export async function runPart<Message>(name: string, options: object): Promise<Message> {
  const part = new Part(name, options);
  try {
    return await part.next<Message>();
  } finally {
    await part.end();
  }
}

/**
 * A port of the loopback interface that was free a moment ago; none that the system gives out by itself, so that no
 * connection of the load is given it before the server has started.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_768);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

function track(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

async function failure(child: ChildProcess): Promise<never> {
  const [error] = (await once(child, 'error')) as [Error];
  throw error;
}
