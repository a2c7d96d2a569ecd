/** The command line of the simulation, as people and CI use it. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = new URL('../..', import.meta.url);
/** Happens in some worlds, not in all. */
const SOMETHING = 'stop in good order';

/** As in a shell. */
function shell(command: string): Promise<{ output: string; exitCode: number }> {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  return new Promise((resolve) => {
    const child = execFile('sh', ['-c', command], { cwd: ROOT, env }, (_error, output) =>
      resolve({ output, exitCode: child.exitCode ?? -1 }),
    );
  });
}

test(
  'a seed that fails is printed with the command that plays it again, and that does',
  { timeout: 60_000 },
  async () => {
    const all = await shell(`npm run simulate -- --seeds 10 --jobs 1 --find '${SOMETHING}'`);
    expect(all.exitCode).toBe(1);
    const [, seed, again] =
      /^seed (\d+): stop in good order: looked for\n  again: (.+)$/m.exec(all.output) ?? [];
    expect(again).toBe(`npm run simulate -- --seed ${seed} --find '${SOMETHING}'`);

    const one = await shell(again ?? '');
    expect(one.exitCode).toBe(1);
    expect(one.output).toContain(`!! ${SOMETHING}: looked for\n`);
    // With all that led to it.
    expect(one.output).toMatch(/stops within \d+ ms\n/);
    expect(one.output).toMatch(/request of process 1: delivery/);

    const without = await shell(`npm run simulate -- --seed ${seed}`);
    expect(without.output).toContain(`seed ${seed}: nothing wrong`);
    expect(without.exitCode).toBe(0);
  },
);
