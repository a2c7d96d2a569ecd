/** The receiver that the server and the bare loop deliver to: nginx with a bare 200, else a small server in Node. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Part, startKept } from './children.ts';
import { findProgram } from './installed.ts';
import { sleep } from './part.ts';

export interface Receiver {
  readonly name: string;
  readonly origin: string;
  readonly pid: number;
  /** Requests so far. Each call counts as none. */
  received(): Promise<number>;
  end(): Promise<void>;
}

const READY_TIMEOUT_MS = 5000;

/** At that port, or at any. */
export async function startReceiver(
  folder: string,
  withNginx: boolean,
  port?: number,
): Promise<Receiver> {
  const nginx = withNginx ? findProgram('nginx') : null;
  const chosen = port ?? (await freePort());
  const started = nginx === null ? null : await startNginx(nginx, folder, chosen);
  return started ?? (await startFallback(chosen, nginx === null ? 'not used' : 'not usable'));
}

async function startFallback(port: number, why: string): Promise<Receiver> {
  const part = new Part('fallback-receiver.ts', { port });
  await part.next();
  return {
    name: `a receiver in Node (nginx is ${why})`,
    origin: `http://127.0.0.1:${port}`,
    pid: part.pid,
    received: async () => (await part.ask<{ received: number }>({})).received,
    end: () => part.end(),
  };
}

async function startNginx(nginx: string, folder: string, port: number): Promise<Receiver | null> {
  const place = join(folder, `nginx-${process.hrtime.bigint()}`);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'nginx.conf'), configuration(place, port));
  const kept = await startKept(nginx, ['-p', place, '-c', join(place, 'nginx.conf')]);
  const origin = `http://127.0.0.1:${port}`;
  let asked = 0;
  const received = async () => {
    const status = await (await fetch(`${origin}/bench-status`)).text();
    const [, , requests] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/m.exec(status)?.slice(1) ?? [];
    asked++;
    if (requests === undefined) throw new Error(`nginx has no status: ${status}`);
    return Number(requests) - asked;
  };
  try {
    await untilItAnswers(received);
  } catch {
    // One that was built without the status module, say.
    await kept.end();
    return null;
  }
  return { name: 'nginx', origin, pid: kept.pid, received, end: () => kept.end() };
}

async function untilItAnswers(ask: () => Promise<number>): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(20);
    }
  }
}

/** One process, which is not sent to the background, and writes nowhere but in `folder`. */
function configuration(folder: string, port: number): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${folder}/${kind};`,
  );
  return `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
${places.join('\n')}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 64k;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 200; }
    location = /bench-status { stub_status; }
  }
}
`;
}
