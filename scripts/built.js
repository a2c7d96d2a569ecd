// Whether dist/ holds what src/ gives: its stamp is as new as the newest source. Plain JavaScript: Node 20 reads it too.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const settings = ['tsconfig.json', 'tsconfig.build.json', 'package.json'];

export const STAMP = join(root, 'dist', '.built');

export function isBuilt() {
  if (!existsSync(STAMP)) return false;
  const newest = Math.max(
    ...settings.map((file) => statSync(join(root, file)).mtimeMs),
    newestIn(join(root, 'src')),
  );
  return statSync(STAMP).mtimeMs >= newest;
}

/** Folders count too: removing a file changes only its folder. */
function newestIn(folder) {
  let newest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}
