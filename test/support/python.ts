/** Libraries of others in Python, for tests that run where they are installed. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface PythonPackage {
  readonly module: string;
  /** As pip takes it. */
  readonly requirement: string;
}

export const STANDARDWEBHOOKS: PythonPackage = {
  module: 'standardwebhooks.webhooks',
  requirement: 'standardwebhooks==1.1.0',
};
export const CLOUDEVENTS: PythonPackage = {
  module: 'cloudevents.core.bindings.http',
  requirement: 'cloudevents==2.2.0',
};
/** Its wheels bring a libcurl of their own, newer than those of most machines. */
export const PYCURL: PythonPackage = { module: 'pycurl', requirement: 'pycurl==7.49.0' };
export const AIOHTTP: PythonPackage = { module: 'aiohttp', requirement: 'aiohttp==3.14.5' };

/** A Python that has the package; `null` where there is none, which is said. */
export function findPython({ module, requirement }: PythonPackage): string | null {
  const own = `${root}.cache/python/bin/python`;
  const found = [own, 'python3'].find((python) => {
    if (python === own && !existsSync(own)) return false;
    const { status } = spawnSync(python, ['-c', `import ${module}`]);
    return status === 0;
  });
  if (found !== undefined) return found;
  console.log(
    `no Python with ${requirement}, its tests are skipped: python3 -m venv .cache/python && .cache/python/bin/pip install ${requirement}`,
  );
  return null;
}
