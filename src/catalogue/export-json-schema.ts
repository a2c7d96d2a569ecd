/**
 * The catalogue as one JSON Schema document of 2020-12: under `$defs` the schema of each topic's data, by the topic's
 * name. Each has an `$id`, so that its own references lead within it, and may be of draft-07.
 */
import type { JsonObject, TopicEntry } from '../domain/topic-catalogue.ts';
import type { ExportInput } from './export-input.ts';

export const TOPIC_ID_PREFIX = 'urn:angarium:topic:';
/** What the catalogue says of the topic: so what was exported can be imported as it was. */
export const TOPIC = 'x-topic';

export function jsonSchemaDocument({ topics }: ExportInput): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Topics',
    description: 'The data of the events of each topic.',
    $defs: Object.fromEntries(topics.map((topic) => [topic.name, definition(topic)])),
  };
}

/** What the catalogue says of the topic stands in the schema's own words too, where it does not say them itself. */
function definition({ name, description, schema, sample, deprecated }: TopicEntry): JsonObject {
  const own = schema ?? {};
  return {
    $id: `${TOPIC_ID_PREFIX}${encodeURIComponent(name)}`,
    ...own,
    ...(description === '' || 'description' in own ? {} : { description }),
    ...(!deprecated || 'deprecated' in own ? {} : { deprecated }),
    ...(sample === null || 'examples' in own ? {} : { examples: [sample] }),
    [TOPIC]: { description, deprecated, sample },
  };
}
