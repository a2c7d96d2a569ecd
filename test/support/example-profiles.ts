/** The files in examples/profiles, read as `--config` reads them. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config.ts';
import type { Profile } from '../../src/domain/profile.ts';
import { standard } from '../../src/profiles/standard.ts';
import { refuseExpressions } from './config-profiles.ts';

const FOLDER = fileURLToPath(new URL('../../examples/profiles/', import.meta.url));

/** By name, `github` for example; each file defines one, of its own name. */
export async function exampleProfiles(): Promise<Map<string, Profile>> {
  const profiles = new Map<string, Profile>();
  for (const file of readdirSync(FOLDER)) {
    const loaded = await loadConfig({
      env: {},
      argv: ['--config', FOLDER + file],
      readFile: (path) => readFile(path, 'utf8'),
      profiles: [standard],
      checkExpression: refuseExpressions,
    });
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
    for (const { profile } of loaded.defined) profiles.set(file.replace('.yaml', ''), profile);
  }
  return profiles;
}
