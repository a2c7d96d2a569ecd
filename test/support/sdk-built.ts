/** Before all tests: the package @angarium/sdk as the sources give it, since some run what was built. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function setup(): void {
  const script = fileURLToPath(new URL('../../scripts/prepare.js', import.meta.url));
  const { status } = spawnSync(process.execPath, [script, 'sdk'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('@angarium/sdk was not built');
}
