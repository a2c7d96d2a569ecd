// Builds dist/, what the packed package carries of src: the TypeScript compiled, all else (SQL) as it is.
// npm runs this after every install and before every pack, so it does nothing when dist/ is up to date, when
// there is nothing to build (no sources yet), or nothing to build with (installed without development
// dependencies). `--force` builds anyway. Plain JavaScript: at that moment Node may be any.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const sources = join(root, 'src');
const output = join(root, 'dist');
const stamp = join(output, '.built');
const settings = ['tsconfig.json', 'tsconfig.build.json', 'package.json'];

const compiler = findCompiler();
const force = process.argv.includes('--force');
if (existsSync(sources) && compiler && (force || !isUpToDate())) build();

function findCompiler() {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve('typescript/package.json');
    return join(dirname(manifest), require(manifest).bin.tsc);
  } catch {
    return null;
  }
}

function isUpToDate() {
  if (!existsSync(stamp)) return false;
  const newest = Math.max(
    ...settings.map((file) => statSync(join(root, file)).mtimeMs),
    newestIn(sources),
  );
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

function build() {
  const begun = new Date();
  rmSync(output, { recursive: true, force: true });
  const project = join(root, 'tsconfig.build.json');
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], {
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error('dist/ was not built: see the errors above.');
    process.exitCode = 1;
    return;
  }
  cpSync(sources, output, { recursive: true, filter: (path) => !path.endsWith('.ts') });
  // What was changed meanwhile may have been read before: the stamp tells when reading began.
  writeFileSync(stamp, '');
  utimesSync(stamp, begun, begun);
}
