// Builds dist/, what the packed package carries of src: the TypeScript compiled, all else (SQL) as it is.
// npm runs this after every install and before every pack, so it does nothing when dist/ is up to date, when
// there is nothing to build (no sources yet), or nothing to build with (installed without development
// dependencies). `--force` builds anyway. Plain JavaScript: at that moment Node may be any.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuilt, STAMP } from './built.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const sources = join(root, 'src');
const output = join(root, 'dist');

const compiler = findCompiler();
const force = process.argv.includes('--force');
if (existsSync(sources) && compiler && (force || !isBuilt())) build();

function findCompiler() {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve('typescript/package.json');
    return join(dirname(manifest), require(manifest).bin.tsc);
  } catch {
    return null;
  }
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
  writeFileSync(STAMP, '');
  utimesSync(STAMP, begun, begun);
}
