// Builds sdk/dist/ and dist/, what the packed packages carry: the TypeScript compiled, all else (SQL) as it is. The SDK
// first, because the server's command line uses it.
// npm runs this after every install and before every pack, so it does nothing when they are up to date, when
// there is nothing to build (no sources yet), or nothing to build with (installed without development
// dependencies). `--force` builds anyway, `sdk` or `server` only that. Plain JavaScript: at that moment Node may be any.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isBuilt, SDK, SERVER } from './built.js';

const compiler = findCompiler();
const force = process.argv.includes('--force');
const named = [SDK, SERVER].filter(({ name }) => process.argv.includes(name));
if (compiler) {
  for (const part of named.length > 0 ? named : [SDK, SERVER])
    if (existsSync(part.sources) && (force || !isBuilt(part))) build(part);
}

function findCompiler() {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve('typescript/package.json');
    return join(dirname(manifest), require(manifest).bin.tsc);
  } catch {
    return null;
  }
}

function build({ name, sources, output, project, stamp }) {
  const begun = new Date();
  rmSync(output, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], {
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error(`The ${name} was not built: see the errors above.`);
    process.exitCode = 1;
    return;
  }
  cpSync(sources, output, { recursive: true, filter: (path) => !path.endsWith('.ts') });
  // What was changed meanwhile may have been read before: the stamp tells when reading began.
  writeFileSync(stamp, '');
  utimesSync(stamp, begun, begun);
}
