/** Topics of the catalogue, as the API takes and shows them. */
import { ENFORCEMENTS } from '../../domain/topic-catalogue.ts';
import type { Enforcement } from '../../domain/topic-catalogue.ts';
import type { StoredTopic } from '../../storage/topic-storage.ts';
import { formatTime } from '../time.ts';
import { Time } from './fields.ts';
import {
  anything,
  arrayOf,
  boolean,
  closedObject,
  integer,
  nullable,
  object,
  oneOf,
  optional,
  record,
  string,
} from './json-schema.ts';

const FIELDS = {
  description: string({ description: 'For those who choose topics; empty where there is none.' }),
  schema: nullable(record(anything), {
    description: 'JSON Schema (2020-12, or draft-07 by its `$schema`) of an event’s `data`.',
  }),
  sample: nullable(record(anything), {
    description: 'An event’s `data` as they may be; of the schema. Test events carry it.',
  }),
  deprecated: boolean(),
  enforcement: oneOf([...ENFORCEMENTS], {
    description: 'What becomes of a publish whose `data` are not of the schema.',
  }),
};

export const TopicSchema = object(
  {
    name: string(),
    ...FIELDS,
    violations: optional(
      integer({
        description:
          'Events not of the schema that were warned of or refused, since the start. For the operator.',
      }),
    ),
    created_at: Time,
    updated_at: Time,
  },
  { $id: 'Topic' },
);

export const TopicBodySchema = closedObject(
  Object.fromEntries(Object.entries(FIELDS).map(([name, schema]) => [name, optional(schema)])),
  { description: 'Replaces what is there; what is left out is empty, false or `off`.' },
);

/** Bound by the catalogue, not by a size: what is sent is in no list. */
export interface ImportBody {
  readonly documents: readonly {
    readonly name?: string;
    readonly document: Readonly<Record<string, unknown>>;
  }[];
  readonly data_pointer?: string;
  readonly enforcement?: Enforcement;
  readonly dry_run?: boolean;
}

export const ImportBodySchema = closedObject({
  documents: arrayOf(
    closedObject({
      name: optional(
        string({ description: 'The topic, where the document is the schema of one.' }),
      ),
      document: record(anything, {
        description:
          'An OpenAPI 3.1 document with `webhooks`, a JSON Schema, or a catalogue as in its file.',
      }),
    }),
    { minItems: 1, maxItems: 1000 },
  ),
  data_pointer: optional(
    string({
      maxLength: 1000,
      description:
        'JSON pointer to the data in the bodies of webhooks, where they do not say it themselves (`x-data-pointer`); by default the whole body.',
    }),
  ),
  enforcement: optional(oneOf([...ENFORCEMENTS])),
  dry_run: optional(boolean({ description: 'Only looks whether it could be imported.' })),
});

const Names = arrayOf(string());

export const ImportedSchema = object({
  dry_run: boolean(),
  created: Names,
  changed: Names,
  unchanged: Names,
});

export function topicJson(topic: StoredTopic, violations: number | null) {
  return {
    name: topic.name,
    description: topic.description,
    schema: topic.schema,
    sample: topic.sample,
    deprecated: topic.deprecated,
    enforcement: topic.enforcement,
    ...(violations === null ? {} : { violations }),
    created_at: formatTime(topic.createdAtMs),
    updated_at: formatTime(topic.updatedAtMs),
  };
}
