/** What a server that has just started has not loaded: it would keep the memory for as long as it runs. Budget: 10 s. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { startServer } from '../support/e2e-server.ts';
import { until } from '../support/e2e-until.ts';

const PROBE = `process.on('SIGUSR2', () => {
  console.error('LOADED ' + JSON.stringify(Object.keys(require('node:module')._cache)));
});`;
/** What is seldom needed, or replaced by something smaller. */
const LATE =
  /node_modules\/(?:@fastify\/(?:swagger|swagger-ui|static|ajv-compiler|fast-json-stringify-compiler)|ajv|ajv-formats|yaml|pino|nodemailer|undici\/index\.js|undici\/lib\/(?:mock|web|api|cache))(?:\/|$)/;

it.skipIf(process.platform === 'win32')(
  'a server that was asked nothing has not loaded what few requests need',
  { timeout: 120_000 },
  async () => {
    const cwd = temporaryFolder();
    const probe = join(cwd, 'probe.cjs');
    writeFileSync(probe, PROBE);
    const server = await startServer({ cwd, env: { NODE_OPTIONS: `--require=${probe}` } });
    const loaded = async () => {
      const before = server.running.stderr().length;
      server.signal('SIGUSR2');
      const text = await until('the list', () =>
        /LOADED (.*)\n/.exec(server.running.stderr().slice(before))?.at(1),
      );
      return JSON.parse(text) as string[];
    };
    const atStart = await loaded();
    expect(atStart.filter((path) => path.includes('node_modules/fastify/')).length).toBeGreaterThan(
      10,
    );
    expect(atStart.filter((path) => LATE.test(path))).toEqual([]);
    await server.api.ok('PUT', '/api/v1/tenants/first');
    expect(
      (await loaded()).filter((path) => path.includes('node_modules/ajv/')).length,
    ).toBeGreaterThan(0);
    await server.stop();
  },
);
