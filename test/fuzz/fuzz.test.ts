/** A short run of `npm run fuzz:api`; a long one is in docs/operations/api-fuzzing.md. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPython } from '../support/python.ts';
import { runSchemathesis, SCHEMATHESIS } from './schemathesis.ts';
import type { FuzzReport } from './schemathesis.ts';
import { seedServer } from './seed.ts';
import type { Seed } from './seed.ts';
import { startServer } from './server.ts';
import type { FuzzedServer } from './server.ts';

const DOCUMENT = readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8');
const SECONDS = 40;

const python = findPython(SCHEMATHESIS);

describe.skipIf(python === null)('the fuzzer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'angarium-fuzz-'));
  let server: FuzzedServer | undefined;
  let seed: Seed | undefined;

  beforeAll(async () => {
    server = await startServer(folder);
    seed = await seedServer(server);
  });

  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  function run(given: { document: string; seconds: number; path?: string }): Promise<FuzzReport> {
    if (python === null || server === undefined || seed === undefined)
      throw new Error('nothing to run, or nothing to run against');
    return runSchemathesis({ python, server, seed, folder, ...given });
  }

  it('finds an answer that contradicts the document', async () => {
    const document = DOCUMENT.replaceAll('"healthy"', '"well"');
    const { isClean, text } = await run({ document, seconds: 5, path: '/healthz' });
    expect(text).toContain('Response violates schema');
    expect(isClean).toBe(false);
  }, 60_000);

  it('finds none in what the server gives, and no 500, in all operations', async () => {
    const { isClean, operations, requests, text } = await run({
      document: DOCUMENT,
      seconds: SECONDS,
    });
    expect(isClean, text).toBe(true);
    expect(operations).toBe(String(DOCUMENT.match(/"operationId"/g)?.length));
    expect(requests).toBeGreaterThan(500);
  }, 180_000);
});
