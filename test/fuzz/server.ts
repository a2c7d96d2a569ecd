/** A server of the program itself in a folder of its own, with a receiver beside it; both end with `stop`. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/angarium.js', import.meta.url));

export interface FuzzedServer {
  readonly url: string;
  readonly key: string;
  /** Of a receiver that takes everything. */
  readonly receiverUrl: string;
  /** Rejects where the server does not end as it should. */
  stop(): Promise<void>;
}

export async function startServer(folder: string): Promise<FuzzedServer> {
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const address = receiver.address();
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port');

  const key = 'key-of-the-operator-while-fuzzing';
  const { PATH = '', HOME = '' } = process.env;
  // The channel is how it learns that this process is gone.
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    cwd: folder,
    env: { PATH, HOME, ANGARIUM_PORT: '0', ANGARIUM_API_KEY: key },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = collect(child);
  const closed = once(child, 'close') as Promise<[code: number | null]>;
  const url = await readyUrl(child, output);
  return {
    url,
    key,
    receiverUrl: `http://127.0.0.1:${address.port}/`,
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await closed;
      receiver.closeAllConnections();
      receiver.close();
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${output()}`);
    },
  };
}

function collect({ stdout, stderr }: ChildProcess): () => string {
  let text = '';
  for (const stream of [stdout, stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => (text += part));
  return () => text;
}

function readyUrl(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', () => {
      const [, url] = /^Angarium \S+ is ready at (http:\S+) /m.exec(output()) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('close', () => reject(new Error(`the server did not start:\n${output()}`)));
  });
}
