/** The catalogue of ANGARIUM_TOPICS_FILE: read before anything is opened, put in before anything is answered. */
import { readFile } from 'node:fs/promises';
import { parseCatalogueFile } from '../catalogue/catalogue-file.ts';
import { MAX_TOPICS } from '../domain/topic-catalogue.ts';
import type { SchemaCompiler, TopicEntry } from '../domain/topic-catalogue.ts';
import type { Engine } from '../engine/engine.ts';
import { putTopics } from '../engine/manage-catalogue.ts';

/** The file cannot be used; the message says all that is wrong. */
export class TopicsFileError extends Error {
  override readonly name = 'TopicsFileError';
}

/** Rejects with `TopicsFileError`. Without a file there are none. */
export async function readTopicsFile(
  path: string | null,
  compiler: SchemaCompiler,
): Promise<readonly TopicEntry[]> {
  if (path === null) return [];
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TopicsFileError(
      `ANGARIUM_TOPICS_FILE: ${path} cannot be read (${reason}): name a YAML file`,
      { cause: error },
    );
  });
  const parsed = await parseCatalogueFile(content, path, compiler);
  if (parsed.ok) return parsed.topics;
  throw new TopicsFileError(`the topic catalogue is wrong:\n  ${parsed.problems.join('\n  ')}`);
}

/** What the file names becomes as it is there; the others stay. Rejects with `TopicsFileError`. */
export async function putTopicsOfFile(
  engine: Pick<Engine, 'storage' | 'catalogue'>,
  topics: readonly TopicEntry[],
): Promise<void> {
  if (topics.length === 0) return;
  const put = await putTopics(engine, topics);
  if (put.kind === 'too_many') {
    throw new TopicsFileError(
      `with those of ANGARIUM_TOPICS_FILE there would be more than ${MAX_TOPICS} topics: delete some`,
    );
  }
}
