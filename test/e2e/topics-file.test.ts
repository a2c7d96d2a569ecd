/** The catalogue of ANGARIUM_TOPICS_FILE. Budget: 10 s. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { API_KEY, serverEnv, startServer } from '../support/e2e-server.ts';

const TIMEOUT_MS = 120_000;

describe('the topics file', () => {
  it(
    'is loaded at each start: what it names is as it says, what it does not name stays',
    { timeout: TIMEOUT_MS },
    async () => {
      const cwd = temporaryFolder();
      const env = { ANGARIUM_TOPICS_FILE: 'topics.yaml' };
      const write = (text: string) => writeFileSync(join(cwd, 'topics.yaml'), text);
      const exported = async (url: string) => {
        const { stdout } = await runAngarium(['topics', 'export'], {
          cwd,
          env: { ANGARIUM_URL: url, ANGARIUM_API_KEY: API_KEY },
        });
        const { $defs } = JSON.parse(stdout) as { $defs: Record<string, { description?: string }> };
        return Object.entries($defs).map(([name, { description }]) => [name, description]);
      };
      write('topics:\n  a: { description: One }\n  b: { description: Two }\n');
      const first = await startServer({ cwd, env });
      expect(await exported(first.url)).toEqual([
        ['a', 'One'],
        ['b', 'Two'],
      ]);
      await first.stop();
      write('topics:\n  b: { description: Three }\n');
      const second = await startServer({ cwd, env });
      expect(await exported(second.url)).toEqual([
        ['a', 'One'],
        ['b', 'Three'],
      ]);
      await second.stop();
    },
  );

  it('that is wrong or missing keeps it from starting, and nothing is made', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'topics.yaml'), 'topics:\n  a: { schema: { type: x } }\n');
    const run = (file: string) =>
      runAngarium(['serve'], { cwd, env: serverEnv({ ANGARIUM_TOPICS_FILE: file }) });
    const wrong = await run('topics.yaml');
    expect({ code: wrong.code, stdout: wrong.stdout }).toEqual({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(
      /^angarium: the topic catalogue is wrong:\n {2}topics\.yaml:2: topics\.a\.schema\.type: /,
    );
    const missing = await run('none.yaml');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/^angarium: ANGARIUM_TOPICS_FILE: none\.yaml cannot be read/);
    expect(existsSync(join(cwd, 'data', 'angarium.db'))).toBe(false);
    expect(readdirSync(cwd)).toContain('topics.yaml');
  });
});
