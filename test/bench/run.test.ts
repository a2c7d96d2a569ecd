/**
 * The bench runs, with numbers far too small to mean anything: every quick scenario gives its rows and loses no event.
 * Budget of the file: 70 s of a machine with nothing else to do. It needs no nginx or wrk; where they are not installed the bench's own parts stand in.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const QUICK = [
  'bare',
  'batched',
  'single',
  'drain',
  'latency',
  'isolation',
  'filters',
  'idle',
  'startup',
  'metrics',
  'postgres-batched',
  'postgres-latency',
];
const TINY = ['--seconds', '0.5', '--count', '500', '--batch', '50'];
/** Where the machine has other work as well. */
const TIMEOUT_MS = 600_000;

interface Results {
  readonly scenarios: readonly {
    readonly name: string;
    readonly rows: readonly {
      readonly metric: string;
      readonly measured: number;
      readonly ratio: number | null;
      readonly met: boolean | null;
    }[];
    readonly faults: readonly string[];
  }[];
}

let folder = '';
/** A test that ran out of time leaves its bench behind. */
const running = new Set<ChildProcess>();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'angarium-bench-test-'));
});
afterAll(() => {
  for (const child of running) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

describe('bench/run.ts', () => {
  test(
    'gives rows for every quick scenario, and loses no event',
    { timeout: TIMEOUT_MS },
    async () => {
      const results = await bench([...QUICK, ...TINY]);
      expect(results.scenarios.map(({ name }) => name)).toEqual(QUICK);
      for (const { name, rows, faults } of results.scenarios) {
        expect({ name, faults }).toEqual({ name, faults: [] });
        expect(rows.length, name).toBeGreaterThan(0);
        for (const { metric, measured } of rows)
          expect(Number.isFinite(measured), `${name}: ${metric}`).toBe(true);
      }
      expect(rowsOf(results, 'batched')[0]?.ratio).toBeGreaterThan(0);
    },
  );

  test(
    'has parts of its own for machines without nginx and wrk',
    { timeout: TIMEOUT_MS },
    async () => {
      const results = await bench(['single', '--fallbacks', ...TINY]);
      expect(results.scenarios[0]?.faults).toEqual([]);
      expect(rowsOf(results, 'single')[0]?.measured).toBeGreaterThan(0);
    },
  );

  test('compares the profiles', { timeout: TIMEOUT_MS }, async () => {
    const results = await bench(['profiles', '--fallbacks', ...TINY]);
    expect(results.scenarios[0]?.faults).toEqual([]);
    const metrics = rowsOf(results, 'profiles').map(({ metric }) => metric);
    // What the main thread spends is known on Linux alone.
    expect(metrics).toHaveLength(process.platform === 'linux' ? 16 : 11);
    expect(metrics).toEqual(expect.arrayContaining(['unsigned', 'baack', 'baack, of unsigned']));
  });

  test('measures those who are well among many that are not', { timeout: TIMEOUT_MS }, async () => {
    const results = await bench(['isolation-many', ...TINY]);
    expect(results.scenarios[0]?.faults).toEqual([]);
    expect(rowsOf(results, 'isolation-many')).toHaveLength(3);
  });

  test('names the scenarios where it is asked for one that does not exist', async () => {
    const { code, output } = await node('bench/run.ts', ['sinlge']);
    expect(code).toBe(1);
    expect(output).toContain('there is no scenario sinlge: bare, batched, single');
  });
});

test('bench/profile.ts tells self time by part of the program', async () => {
  const path = join(folder, 'small.cpuprofile');
  const frame = (functionName: string, url = '', lineNumber = -1) => ({
    callFrame: { functionName, url, lineNumber },
  });
  const profile = {
    nodes: [
      { id: 1, ...frame('(root)'), children: [2, 3] },
      { id: 2, ...frame('(idle)') },
      { id: 3, ...frame('publish', 'file:///angarium/src/engine/publish.ts', 9), children: [4] },
      { id: 4, ...frame('postMessage') },
    ],
    samples: [2, 3, 4, 4],
    timeDeltas: [5000, 1000, 1000, 2000],
  };
  writeFileSync(path, JSON.stringify(profile));
  const { code, output } = await node('bench/profile.ts', [path]);
  expect(code).toBe(0);
  expect(output).toMatch(/busy 0\.0 s \(44 %\)/);
  expect(output).toMatch(/100\.0 % +4 ms {2}src\/engine\n/);
  expect(output).toMatch(/75\.0 % +3 ms {2}src\/engine: postMessage < publish \(publish\.ts:10\)/);
  expect(output).toMatch(/25\.0 % +1 ms {2}src\/engine: publish \(publish\.ts:10\)/);
});

async function bench(args: readonly string[]): Promise<Results> {
  const path = join(folder, 'results.json');
  const { code, output } = await node('bench/run.ts', [...args, '--json', path]);
  expect(code, output).toBe(0);
  return JSON.parse(readFileSync(path, 'utf8')) as Results;
}

function rowsOf({ scenarios }: Results, wanted: string) {
  return scenarios.find(({ name }) => name === wanted)?.rows ?? [];
}

async function node(script: string, args: readonly string[]) {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  running.delete(child);
  return { code: child.exitCode, output };
}
