/** `npm run fuzz:api [-- --minutes 10]`: Schemathesis against a server on a database of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findPython } from '../support/python.ts';
import { runSchemathesis, SCHEMATHESIS } from './schemathesis.ts';
import { seedServer } from './seed.ts';
import { startServer } from './server.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const python = findPython(SCHEMATHESIS);
process.exitCode = python === null ? 2 : await fuzz(python, Number(values.minutes) * 60);

async function fuzz(found: string, seconds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'angarium-fuzz-'));
  try {
    const server = await startServer(folder);
    try {
      const { isClean, text } = await runSchemathesis({
        python: found,
        server,
        seed: await seedServer(server),
        folder,
        document: readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
        bound: { kind: 'time', seconds: Math.ceil(seconds) },
      });
      console.log(text);
      return isClean ? 0 : 1;
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
