/** The committed document, as an independent linter sees it: redocly.yaml has the rules. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENT = join(REPOSITORY, 'openapi.json');

/** What it reports, one line each. It asks nobody for anything. */
function problemsOf(file: string): string[] {
  const linter = join(REPOSITORY, 'node_modules/@redocly/cli/bin/cli.js');
  const config = join(REPOSITORY, 'redocly.yaml');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [linter, 'lint', file, '--config', config, '--format', 'json', '--max-problems', '1000'],
    {
      cwd: REPOSITORY,
      encoding: 'utf8',
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    },
  );
  if (!stdout.startsWith('{')) throw new Error(`the linter said nothing:\n${stdout}\n${stderr}`);
  // As the linter writes it.
  const { problems } = JSON.parse(stdout) as {
    problems: { ruleId: string; message: string; location: { pointer?: string }[] }[];
  };
  return problems.map(
    ({ ruleId, message, location }) => `${ruleId} at ${location[0]?.pointer ?? '#/'}: ${message}`,
  );
}

describe('the linter', () => {
  it('has nothing against the OpenAPI document', () => {
    expect(problemsOf(DOCUMENT)).toEqual([]);
  });

  it('has something against one whose operations have no names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'angarium-lint-'));
    try {
      const file = join(folder, 'openapi.json');
      const text = readFileSync(DOCUMENT, 'utf8').replaceAll('"operationId"', '"x-name"');
      writeFileSync(file, text);
      const problems = problemsOf(file);
      expect(problems.length).toBeGreaterThan(50);
      expect(new Set(problems.map((line) => line.split(' ')[0]))).toEqual(
        new Set(['operation-operationId']),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
