/** A server in a process of its own: started, stopped, killed. */
import { expect } from 'vitest';
import { Api } from './e2e-api.ts';
import { databaseEnv } from './e2e-database.ts';
import { startAngarium } from './e2e-process.ts';
import type { Exit, Running } from './e2e-process.ts';
import { until } from './e2e-until.ts';

export const API_KEY = 'an-operators-key-for-tests';

export interface ServerOptions {
  /** Its working directory: the database is in `data/` there, or belongs to it (e2e-database.ts). */
  readonly cwd: string;
  /** Options other than the port, which is any free one, and the key. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Server {
  readonly url: string;
  readonly api: Api;
  readonly running: Running;

  constructor(url: string, running: Running, apiKey: string) {
    this.url = url;
    this.running = running;
    this.api = new Api(url, apiKey);
  }

  get pid(): number {
    const { pid } = this.running.child;
    if (pid === undefined) throw new Error('the server has no process');
    return pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.running.child.kill(signal);
  }

  /** SIGTERM; it has to end with 0. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    expect(await this.ended()).toEqual({ code: 0, signal: null });
  }

  /** SIGKILL: nothing of the process runs any more when this resolves. */
  async kill9(): Promise<void> {
    this.signal('SIGKILL');
    expect(await this.ended()).toEqual({ code: null, signal: 'SIGKILL' });
  }

  async ended(): Promise<Exit> {
    const exit = await this.running.exited;
    this.api.close();
    return exit;
  }
}

/** Resolves when it says that it is ready; rejects with what it wrote if it ends before. */
export async function startServer({ cwd, env = {} }: ServerOptions): Promise<Server> {
  return serverOf(
    startAngarium(['serve'], { cwd, env: serverEnv({ ...(await databaseEnv(cwd)), ...env }) }),
    env['ANGARIUM_API_KEY'] ?? API_KEY,
  );
}

/** Any free port, and a known key. */
export function serverEnv(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ANGARIUM_PORT: '0', ANGARIUM_API_KEY: API_KEY, ...more };
}

/** The server that is being started in that process, when it is ready. */
export async function serverOf(running: Running, apiKey = API_KEY): Promise<Server> {
  let end: Exit | undefined;
  void running.exited.then((exit) => (end = exit));
  const url = await until('the ready line', () => {
    const [, found] = /^Angarium \S+ is ready at (http:\S+) /m.exec(running.stdout()) ?? [];
    if (found === undefined && end !== undefined)
      throw new Error(`the server ended at its start:\n${running.stdout()}\n${running.stderr()}`);
    return found;
  });
  return new Server(url, running, apiKey);
}
