/** A real browser, for tests that run where one is installed. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The program; `null` where there is none, which is said. */
export function findBrowser(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const program = join(folder, name);
      if (isExecutable(program)) return program;
    }
  }
  console.log('no Chromium, its tests are skipped: apt-get install chromium');
  return null;
}

export async function startBrowser(executablePath: string): Promise<Browser> {
  // As root, as in containers, it starts only without its sandbox; it sees nothing but the server under test.
  return await chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

function isExecutable(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
