// The two things that are built, and whether what was built is what the sources give: its stamp is as new as the newest
// of them. Plain JavaScript: Node 20 reads it too.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** What `angarium` runs. */
export const SERVER = part('server', {
  sources: 'src',
  output: 'dist',
  project: 'tsconfig.build.json',
  settings: ['tsconfig.json', 'tsconfig.build.json', 'package.json'],
});

/** The package @angarium/sdk. */
export const SDK = part('sdk', {
  sources: 'sdk/src',
  output: 'sdk/dist',
  project: 'sdk/tsconfig.json',
  settings: ['tsconfig.json', 'sdk/tsconfig.json', 'sdk/package.json'],
});

function part(name, { sources, output, project, settings }) {
  return {
    name,
    sources: join(root, sources),
    output: join(root, output),
    project: join(root, project),
    settings: settings.map((file) => join(root, file)),
    stamp: join(root, output, '.built'),
  };
}

export function isBuilt({ sources, settings, stamp } = SERVER) {
  if (!existsSync(stamp)) return false;
  const newest = Math.max(...settings.map((file) => statSync(file).mtimeMs), newestIn(sources));
  return statSync(stamp).mtimeMs >= newest;
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
