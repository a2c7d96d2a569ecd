/** Angarium itself, as an operator would start it: its own process, a database in a file, a key, all features on. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endChild, freePort, startProgram } from './children.ts';
import { sleep } from './part.ts';
import { cpuOf, memoryOf } from './usage.ts';
import type { CpuSeconds, Memory } from './usage.ts';

/** That of this checkout. */
export const PROGRAM = fileURLToPath(new URL('../bin/angarium.js', import.meta.url));
const API_KEY = 'bench-key-bench-key-bench-key';
export const ENCRYPTION_KEY = Buffer.alloc(32, 1).toString('base64');
const START_TIMEOUT_MS = 60_000;

export interface ServerOptions {
  /** Holds the database, the log and the profiles; the same folder again is a restart. */
  readonly folder: string;
  /** `bin/angarium.js` of the checkout or package to be measured. */
  readonly program: string;
  /** Writes a .cpuprofile of each thread to this folder when it ends. */
  readonly profileFolder: string | null;
  /** Of its configuration file; `null`: it has none. */
  readonly config: string | null;
  /** Instead of a file in the folder. */
  readonly databaseUrl?: string;
}

export class Server {
  readonly origin: string;
  readonly databasePath: string;
  /** From the start of the process to the first `GET /readyz` that was answered with 200. */
  readonly readyAfterMs: number;
  readonly startedAtMs: number;
  readonly #child: ChildProcess;
  readonly #logPath: string;

  private constructor(
    child: ChildProcess,
    start: { origin: string; startedAtMs: number; readyAfterMs: number },
    { folder }: ServerOptions,
  ) {
    this.#child = child;
    this.origin = start.origin;
    this.startedAtMs = start.startedAtMs;
    this.readyAfterMs = start.readyAfterMs;
    this.databasePath = join(folder, 'angarium.db');
    this.#logPath = logPath(folder);
  }

  static async start(options: ServerOptions): Promise<Server> {
    const { folder, program, profileFolder, config, databaseUrl } = options;
    mkdirSync(folder, { recursive: true });
    const configFile = join(folder, 'angarium.yaml');
    if (config !== null) writeFileSync(configFile, config);
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const profiling =
      profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
    const log = openSync(logPath(folder), 'a');
    const startedAtMs = Date.now();
    const start = performance.now();
    // The channel is how it learns that this process is gone, in whatever way.
    const child = startProgram(process.execPath, [...profiling, program, 'serve'], {
      cwd: folder,
      env: {
        ...environment(folder, port),
        ...(config === null ? {} : { ANGARIUM_CONFIG: configFile }),
        ...(databaseUrl === undefined ? {} : { ANGARIUM_DATABASE_URL: databaseUrl }),
      },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    await ready(child, origin, folder);
    return new Server(
      child,
      { origin, startedAtMs, readyAfterMs: performance.now() - start },
      options,
    );
  }

  get headers(): Record<string, string> {
    return { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  memory(): Memory | null {
    return memoryOf(this.pid);
  }

  cpu(): CpuSeconds {
    return cpuOf(this.pid);
  }

  /** In good order. Rejects where it did not end so. */
  async stop(): Promise<void> {
    const code = await endChild(this.#child, 'SIGTERM', 60_000);
    if (code !== 0) throw new Error(`the server ended with ${code}:\n${tail(this.#logPath)}`);
  }

  /** Deliveries that this process has brought to their receivers. */
  async delivered(): Promise<number> {
    const response = await fetch(`${this.origin}/metrics`, { headers: this.headers });
    const text = await response.text();
    const found = /^angarium_deliveries_total\{[^}]*delivered[^}]*\} (\S+)$/m.exec(text)?.[1];
    if (found === undefined)
      throw new Error(`no deliveries in the metrics:\n${text.slice(0, 500)}`);
    return Number(found);
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    await endChild(this.#child, 'SIGKILL');
  }

  /** What it complained about: lines of its log at `warn` and above, or that are no JSON. */
  complaints(): string[] {
    return readFileSync(this.#logPath, 'utf8').split('\n').filter(isComplaint);
  }
}

function environment(folder: string, port: number): NodeJS.ProcessEnv {
  // Neither the operator's own settings nor those of `npm run` are the server's.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('ANGARIUM_') && !name.startsWith('npm_'),
  );
  return {
    ...Object.fromEntries(inherited),
    ANGARIUM_HOST: '127.0.0.1',
    ANGARIUM_PORT: String(port),
    ANGARIUM_DATABASE_URL: `sqlite:${join(folder, 'angarium.db')}`,
    ANGARIUM_API_KEY: API_KEY,
    ANGARIUM_ENCRYPTION_KEY: ENCRYPTION_KEY,
    ANGARIUM_ALLOWED_CIDRS: '127.0.0.0/8',
  };
}

/** Asks often: the time to ready is one of the things measured. */
async function ready(child: ChildProcess, origin: string, folder: string): Promise<void> {
  const gone = once(child, 'exit').then(() => {
    throw new Error(`the server did not start:\n${tail(logPath(folder))}`);
  });
  gone.catch(() => {});
  const endMs = performance.now() + START_TIMEOUT_MS;
  while (!(await Promise.race([isReady(origin), gone]))) {
    if (performance.now() > endMs)
      throw new Error(`the server is not ready after ${START_TIMEOUT_MS / 1000} s`);
    await sleep(5);
  }
}

async function isReady(origin: string): Promise<boolean> {
  try {
    const response = await fetch(`${origin}/readyz`);
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

function logPath(folder: string): string {
  return join(folder, 'server.log');
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').slice(-2000);
}

/** pino's number of `warn`. */
const WARN = 40;

function isComplaint(line: string): boolean {
  const level = /^\{"level":(\d+)/.exec(line)?.[1];
  if (level !== undefined) return Number(level) >= WARN;
  return /error|warn|fail/i.test(line);
}
