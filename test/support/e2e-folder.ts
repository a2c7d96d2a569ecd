/** Folders of one test, removed after it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Make it before the servers that run in it: what was made last is undone first. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'angarium-e2e-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
