/**
 * Writes every committed file that is made from the sources; `--check` only compares, and fails with the
 * names of those that are not what they should be.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { configurationReference } from '../src/config-reference.ts';
import { errorsReference, permissionsReference } from '../src/http/reference.ts';
import { operatorEventsReference } from '../src/engine/operator-catalogue.ts';
import { dumpSchema } from '../src/storage/sqlite/migrate.ts';
import { openDatabase } from '../src/storage/sqlite/open.ts';
import { openapiReference } from './openapi-reference.ts';

interface GeneratedFile {
  /** From the root of the repository. */
  file: string;
  /** The whole content, the last newline included. */
  produce: () => string | Promise<string>;
}

const GENERATED: readonly GeneratedFile[] = [
  { file: 'docs/reference/configuration.md', produce: configurationReference },
  { file: 'docs/reference/errors.md', produce: errorsReference },
  { file: 'docs/reference/permissions.md', produce: permissionsReference },
  { file: 'docs/reference/operator-events.md', produce: operatorEventsReference },
  { file: 'openapi.json', produce: () => openapiReference(packageJson.version) },
  { file: 'src/storage/sqlite/schema.sql', produce: sqliteSchema },
];

const root = new URL('../', import.meta.url);
const checkOnly = process.argv.includes('--check');
const stale: string[] = [];

for (const { file, produce } of GENERATED) {
  const target = new URL(file, root);
  const wanted = await produce();
  const present = await readFile(target, 'utf8').catch(() => null);
  if (present === wanted) continue;
  stale.push(file);
  if (checkOnly) continue;
  await mkdir(dirname(target.pathname), { recursive: true });
  await writeFile(target, wanted);
}

if (checkOnly && stale.length > 0) {
  for (const file of stale) console.error(`${file} is not what the sources give.`);
  console.error('Run `npm run generate` and commit the result.');
  process.exitCode = 1;
} else {
  for (const file of stale) console.log(`wrote ${file}`);
}

/** The schema that all migrations together make. */
function sqliteSchema(): string {
  const database = openDatabase({ path: ':memory:', maxBytes: null });
  const schema = dumpSchema(database.db);
  database.close();
  return schema;
}
