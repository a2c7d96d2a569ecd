/** One node: a real process of the program, started again whenever it ends before it is meant to. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync, writeFileSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NodeName } from './plan.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/angarium.js', import.meta.url));
export const API_KEY = 'an-operators-key-under-chaos';
const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');
/** Where it does not come up: the database may be away. */
const BETWEEN_STARTS_MS = 500;

export interface NodeParts {
  readonly name: NodeName;
  readonly databaseUrl: string;
  /** For its log, and the file that says what its clock shows. */
  readonly folder: string;
  /** The library of libfaketime; `null`: clocks are not moved. */
  readonly clockLibrary: string | null;
}

export class ChaosNode {
  readonly name: NodeName;
  readonly #parts: NodeParts;
  readonly #log: WriteStream;
  readonly #clockFile: string;
  #child: ChildProcess | null = null;
  #url: string | null = null;
  #isWanted = false;
  #running: Promise<void> = Promise.resolve();
  /** How it ended although it was ready and nobody had asked for it. */
  readonly ends: string[] = [];
  starts = 0;

  constructor(parts: NodeParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#log = createWriteStream(join(parts.folder, `${parts.name}.log`), { flags: 'a' });
    this.#clockFile = join(parts.folder, `${parts.name}.clock`);
    this.setClock(0);
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** `null`: it is not ready. */
  get url(): string | null {
    return this.#url;
  }

  start(): void {
    this.#isWanted = true;
    this.#running = this.#keepRunning();
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    this.#note('kill -9');
    this.#child?.kill('SIGKILL');
    await this.#running;
  }

  freeze(): void {
    this.#note('SIGSTOP');
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#note('SIGCONT');
    this.#child?.kill('SIGCONT');
  }

  /** From the machine's clock; looked at once a second. */
  setClock(offsetS: number): void {
    writeFileSync(this.#clockFile, `${offsetS < 0 ? '' : '+'}${offsetS}\n`);
  }

  /** In good order; the exit code. */
  async stop(): Promise<number | null> {
    this.#isWanted = false;
    const child = this.#child;
    child?.kill('SIGTERM');
    await this.#running;
    this.#log.end();
    return child?.exitCode ?? null;
  }

  async #keepRunning(): Promise<void> {
    while (this.#isWanted) {
      const child = this.#spawn();
      this.#child = child;
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
      const wasReady = this.#url !== null;
      this.#url = null;
      this.#child = null;
      if (!this.#isWanted) return;
      this.#note(`ended by itself: ${code ?? signal}`);
      if (wasReady) this.ends.push(`node ${this.name} ended by itself with ${code ?? signal}`);
      await pause(BETWEEN_STARTS_MS);
    }
  }

  #spawn(): ChildProcess {
    this.starts++;
    const { PATH = '', HOME = '' } = process.env;
    const { databaseUrl, clockLibrary, folder } = this.#parts;
    // The channel is how it learns that this process is gone.
    const child = spawn(process.execPath, [PROGRAM, 'serve'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH,
        HOME,
        ANGARIUM_PORT: '0',
        ANGARIUM_API_KEY: API_KEY,
        ANGARIUM_ENCRYPTION_KEY: ENCRYPTION_KEY,
        ANGARIUM_DATABASE_URL: databaseUrl,
        ...(clockLibrary === null ? {} : this.#clockEnv(clockLibrary)),
      },
    });
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#log.write(text);
      if (this.#url !== null) return;
      said += text;
      this.#url = /^Angarium \S+ is ready at (http:\S+) /m.exec(said)?.[1] ?? null;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#log.write(text));
    return child;
  }

  /** Only the wall clock: whatever jumps, time passes as it does. */
  #clockEnv(library: string): Record<string, string> {
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#clockFile,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  #note(what: string): void {
    this.#log.write(`--- ${new Date().toISOString()} ${what}\n`);
  }
}

/** Debian's package `faketime` has it; `null`: it is not installed. */
export function findClockLibrary(): string | null {
  const root = '/usr/lib';
  if (process.platform !== 'linux' || !existsSync(root)) return null;
  for (const folder of ['', ...readdirSync(root)]) {
    const path = join(root, folder, 'faketime', 'libfaketimeMT.so.1');
    if (existsSync(path)) return path;
  }
  return null;
}
