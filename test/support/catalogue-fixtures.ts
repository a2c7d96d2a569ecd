/** Topics, as tests of the catalogue need them. */
import { readFileSync } from 'node:fs';
import { parseCatalogueFile } from '../../src/catalogue/catalogue-file.ts';
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import { byName } from '../../src/domain/topic-catalogue.ts';
import type { TopicEntry } from '../../src/domain/topic-catalogue.ts';

export const EXAMPLES = ['baack', 'balkanid', 'basekit', 'baxcloud'] as const;

export function topicOf(name: string, given: Partial<TopicEntry> = {}): TopicEntry {
  return {
    name,
    description: '',
    schema: null,
    sample: null,
    deprecated: false,
    enforcement: 'off',
    ...given,
  };
}

/** A catalogue of `examples/catalogues`, by name. */
export async function exampleCatalogue(name: string): Promise<TopicEntry[]> {
  const url = new URL(`../../examples/catalogues/${name}.yaml`, import.meta.url);
  const parsed = await parseCatalogueFile(
    readFileSync(url, 'utf8'),
    `${name}.yaml`,
    createSchemaCompiler(),
  );
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.topics.toSorted(byName);
}
