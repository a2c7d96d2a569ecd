/**
 * A short run of `npm run fuzz:api`, of the same requests each time but for the ids; long ones, of others, are in
 * docs/operations/api-fuzzing.md. Budget: 40 s.
 */
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
/** Python makes the requests: a machine with other work takes several times as long. */
const TIMEOUT_MS = 600_000;

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

  function run(given: { document: string; path?: string }): Promise<FuzzReport> {
    if (python === null || server === undefined || seed === undefined)
      throw new Error('nothing to run, or nothing to run against');
    const bound = { kind: 'requests', perOperation: 2, seed: 1 } as const;
    return runSchemathesis({ python, server, seed, folder, bound, ...given });
  }

  it('finds an answer that contradicts the document', { timeout: TIMEOUT_MS }, async () => {
    const document = DOCUMENT.replaceAll('"healthy"', '"well"');
    const { isClean, text } = await run({ document, path: '/healthz' });
    expect(text).toContain('Response violates schema');
    expect(isClean).toBe(false);
  });

  it(
    'finds none in what the server gives, and no 500, in all operations',
    { timeout: TIMEOUT_MS },
    async () => {
      const { isClean, operations, requests, text } = await run({ document: DOCUMENT });
      expect(isClean, text).toBe(true);
      expect(operations).toBe(String(DOCUMENT.match(/"operationId"/g)?.length));
      expect(requests).toBeGreaterThan(500);
    },
  );
});
